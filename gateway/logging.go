package main

import (
	"fmt"
	"io"
	"log/slog"
	"math"
)

// The names are those of the server, which hands its own level on.
var levels = map[string]slog.Level{
	"trace": slog.LevelDebug, "debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn,
	"error": slog.LevelError, "off": math.MaxInt,
}

func parseLevel(name string) (slog.Level, error) {
	level, ok := levels[name]
	if !ok {
		return 0, fmt.Errorf("--log_level must be trace, debug, info, warn, error or off, not %q", name)
	}
	return level, nil
}

func newLogger(cfg *config, out io.Writer) *slog.Logger {
	level, _ := parseLevel(cfg.logLevel) // checked by config.validate
	options := &slog.HandlerOptions{Level: level}
	if cfg.logFormat == "json" {
		return slog.New(slog.NewJSONHandler(out, options))
	}
	return slog.New(slog.NewTextHandler(out, options))
}
