// Package metadata decides what of the header of a request the server sees, as metadata of the call.
package metadata

import (
	"context"
	"net/http"
	"net/textproto"
	"strings"

	"google.golang.org/grpc/metadata"
)

const clearTagsHeader = "X-Clear-Tags"

// Headers knows which request headers are passed on. Constant after NewHeaders; safe for concurrent use.
type Headers struct {
	userID string
}

// NewHeaders passes on the header that names the user, besides those that are always passed on.
func NewHeaders(userIDHeader string) *Headers {
	return &Headers{textproto.CanonicalMIMEHeaderKey(userIDHeader)}
}

// Key tells whether the server sees a request header, and under which key. All others stay here.
func (h *Headers) Key(name string) (string, bool) {
	switch name = textproto.CanonicalMIMEHeaderKey(name); name {
	case h.userID, clearTagsHeader:
		return strings.ToLower(name), true
	}
	return "", false
}

// Outgoing is the context of r for calls of the server. It does for handlers of our own what grpc-gateway does for RPCs.
func (h *Headers) Outgoing(r *http.Request) context.Context {
	md := metadata.MD{}
	for name, values := range r.Header {
		key, ok := h.Key(name)
		if name == "Authorization" {
			key, ok = "authorization", true
		}
		for _, value := range values {
			if ok && isPrintableASCII(value) {
				md.Append(key, value)
			}
		}
	}
	return metadata.NewOutgoingContext(r.Context(), md)
}

// isPrintableASCII: gRPC refuses the whole call for any other metadata value.
func isPrintableASCII(value string) bool {
	for i := range len(value) {
		if value[i] < 0x20 || value[i] > 0x7e {
			return false
		}
	}
	return true
}
