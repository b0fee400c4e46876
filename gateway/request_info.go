package main

import (
	"context"
	"time"
)

// requestInfo travels in the context of one request and collects what its log line and metrics say.
// Used by the goroutine that serves the request only.
type requestInfo struct {
	start   time.Time
	route   string // the pattern that matched, never the path itself: it becomes a metric label
	failure string // why the answer is an error
	body    *requestBody
}

type requestInfoKey struct{}

func withInfo(ctx context.Context, info *requestInfo) context.Context {
	return context.WithValue(ctx, requestInfoKey{}, info)
}

// infoOf never returns nil.
func infoOf(ctx context.Context) *requestInfo {
	if info, ok := ctx.Value(requestInfoKey{}).(*requestInfo); ok {
		return info
	}
	return &requestInfo{}
}

// bodyError tells why the body could not be read, or nil.
func (i *requestInfo) bodyError() *bodyError {
	if i.body == nil {
		return nil
	}
	return i.body.failed
}
