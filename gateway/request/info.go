// Package request keeps what the gateway knows of one request while it is served: what its log line and metrics will
// say, and the bounds of its body.
package request

import (
	"context"
	"time"

	"github.com/penstock/penstock/gateway/memory"
)

// Info travels in the context of one request and collects what its log line and metrics say.
// Used by the goroutine that serves the request only.
type Info struct {
	Start   time.Time
	Client  string       // the address that it came from, without the port
	Memory  *memory.Draw // what it holds; may be nil
	Route   string       // the pattern that matched, never the path itself: it becomes a metric label
	Failure string       // why the answer is an error
	body    *boundedBody
}

type infoKey struct{}

// WithInfo returns a context in which InfoOf finds info.
func WithInfo(ctx context.Context, info *Info) context.Context {
	return context.WithValue(ctx, infoKey{}, info)
}

// InfoOf never returns nil: outside of WithInfo it is an Info that nobody reads.
func InfoOf(ctx context.Context) *Info {
	if info, ok := ctx.Value(infoKey{}).(*Info); ok {
		return info
	}
	return &Info{}
}

// BodyError tells why the body could not be read, or nil. A decoder of the body sees only that reading failed.
func (i *Info) BodyError() *BodyError {
	if i.body == nil {
		return nil
	}
	return i.body.failed
}

// BoundJSONValues makes reading the body fail after limits.MaxJSONValues. Does nothing if there is no body.
func (i *Info) BoundJSONValues() {
	if i.body != nil {
		i.body.values = &jsonValues{}
	}
}

// DrainBody takes in what is left of a body that was refused, up to limits.MaxDrainBytes and limits.DrainTimeout. Most
// clients look for the answer only after they have sent everything, and would otherwise see a reset connection in its
// place.
func (i *Info) DrainBody() {
	if i.body != nil {
		i.body.drain()
	}
}
