// Package rpcmux serves RPCs by the HTTP bindings of their protos: it makes a mux of grpc-gateway, and what stands before
// that.
package rpcmux

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"

	"github.com/penstock/penstock/gateway/guard"
	"github.com/penstock/penstock/gateway/limits"
	"github.com/penstock/penstock/gateway/metadata"
	"github.com/penstock/penstock/gateway/request"
)

// Dialect is in what an API differs from others.
type Dialect struct {
	Marshaler runtime.Marshaler
	// WriteError answers a failed RPC, and a request that could not be made one.
	WriteError func(http.ResponseWriter, *http.Request, error)
	// WriteNoRoute answers where no binding has the path, 404, or none has the method for it, 405. Nil: as an error.
	WriteNoRoute func(w http.ResponseWriter, r *http.Request, httpCode int)
}

// New makes a mux without RPCs, for the Register functions of services. Its requests come through Bounded.
func New(dialect Dialect, headers *metadata.Headers) *runtime.ServeMux {
	options := []runtime.ServeMuxOption{
		runtime.WithMarshalerOption(runtime.MIMEWildcard, dialect.Marshaler),
		runtime.WithIncomingHeaderMatcher(headers.Key),
		runtime.WithOutgoingHeaderMatcher(func(string) (string, bool) { return "", false }),
		runtime.WithOutgoingTrailerMatcher(func(string) (string, bool) { return "", false }),
		runtime.WithErrorHandler(func(_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter,
			r *http.Request, err error) {
			dialect.WriteError(w, r, err)
		}),
		runtime.WithDisablePathLengthFallback(),
		runtime.WithDisableHTTPMethodOverride(),
		runtime.WithWriteContentLength(), // rather than in chunks, which is one more write
		runtime.WithMiddlewares(dialect.noteRoute),
		runtime.SetQueryParameterParser(&guard.StrictQuery{}),
	}
	if dialect.WriteNoRoute != nil {
		options = append(options, runtime.WithRoutingErrorHandler(func(_ context.Context, _ *runtime.ServeMux,
			_ runtime.Marshaler, w http.ResponseWriter, r *http.Request, httpCode int) {
			dialect.WriteNoRoute(w, r, httpCode)
		}))
	}
	return runtime.NewServeMux(options...)
}

func (d Dialect) noteRoute(next runtime.HandlerFunc) runtime.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request, params map[string]string) {
		if pattern, ok := runtime.HTTPPattern(r.Context()); ok {
			request.InfoOf(r.Context()).Route = strings.ReplaceAll(pattern.String(), "=*}", "}")
		}
		if err := guard.CheckNoQuery(r, request.InfoOf(r.Context()).Route); err != nil {
			d.WriteError(w, r, err)
			return
		}
		for name, value := range params {
			// Never fails: Bounded has left nothing else that is encoded.
			params[name], _ = url.PathUnescape(value)
		}
		next(w, r, params)
	}
}

// Bounded limits the bodies of what a mux is given, by limits.MaxJSONBodyBytes and limits.MaxJSONValues, and lets it see
// slashes within names.
func (d Dialect) Bounded(mux http.Handler) http.Handler {
	return withRoutingPath(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if failed := request.BoundBody(w, r, limits.MaxJSONBodyBytes); failed != nil {
			d.WriteError(w, r, failed.Status())
			return
		}
		request.InfoOf(r.Context()).BoundJSONValues()
		// Else grpc-gateway tells them the server, which has no use for them.
		r = r.WithContext(r.Context())
		r.RemoteAddr, r.Host = "", ""
		mux.ServeHTTP(w, r)
	}))
}
