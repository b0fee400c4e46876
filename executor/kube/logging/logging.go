// Package logging makes the log of penstock-kube.
package logging

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

// ParseLevel knows trace, debug, info, warn, error and off. Its error speaks of the flag --log_level.
func ParseLevel(name string) (slog.Level, error) {
	level, ok := levels[name]
	if !ok {
		return 0, fmt.Errorf("--log_level must be trace, debug, info, warn, error or off, not %q", name)
	}
	return level, nil
}

// New writes to out from level on, which ParseLevel knows, as JSON if the format is "json" and else as text.
func New(format, level string, out io.Writer) *slog.Logger {
	lowest, _ := ParseLevel(level)
	options := &slog.HandlerOptions{Level: lowest}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(out, options))
	}
	return slog.New(slog.NewTextHandler(out, options))
}
