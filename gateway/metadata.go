package main

import (
	"context"
	"net/http"
	"net/textproto"
	"strings"

	"google.golang.org/grpc/metadata"
)

const clearTagsHeader = "X-Clear-Tags"

// forwardedHeader tells which request headers the server sees, and under which key. All others stay here.
func (g *gateway) forwardedHeader(name string) (string, bool) {
	switch name = textproto.CanonicalMIMEHeaderKey(name); name {
	case textproto.CanonicalMIMEHeaderKey(g.cfg.userIDHeader), clearTagsHeader:
		return strings.ToLower(name), true
	}
	return "", false
}

// withMetadata does for handlers of our own what grpc-gateway does for RPCs.
func (g *gateway) withMetadata(ctx context.Context, r *http.Request) context.Context {
	md := metadata.MD{}
	for name, values := range r.Header {
		key, ok := g.forwardedHeader(name)
		if name == "Authorization" {
			key, ok = "authorization", true
		}
		for _, value := range values {
			if ok && isPrintableASCII(value) {
				md.Append(key, value)
			}
		}
	}
	return metadata.NewOutgoingContext(ctx, md)
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
