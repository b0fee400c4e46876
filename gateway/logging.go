package main

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
)

func parseLevel(name string) (slog.Level, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(strings.ToUpper(name))); err != nil {
		return 0, fmt.Errorf("--log_level must be debug, info, warn or error, not %q", name)
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
