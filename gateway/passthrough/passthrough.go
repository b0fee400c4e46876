// Package passthrough hands gRPC calls that come in by the HTTP port on to the server as they are. What stands before the
// gateway may then speak gRPC, too, and only the gateway's HTTP/2 meets other machines.
package passthrough

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"slices"
	"strings"

	"github.com/penstock/penstock/gateway/admission"
	"github.com/penstock/penstock/gateway/apierror"
	"github.com/penstock/penstock/gateway/limits"
	"github.com/penstock/penstock/gateway/request"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const route = "gRPC"

// Calls that tell how the server is.
var healthPaths = []string{"/grpc.health.v1.Health/Check", "/kubeflow.pipelines.backend.api.v2beta1.HealthzService/GetHealthz"}

// Accepts tells gRPC calls from the requests of HTTP.
func Accepts(r *http.Request) bool {
	return r.ProtoMajor == 2 && strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc")
}

// Handler passes calls on to the server at the address, host:port or unix:/path, and its answers back as they come, both
// with their trailers. Deadlines are the server's to keep; a call that its client abandons is abandoned there, too. At
// most limits.MaxPassedCalls are in work at once, health checks not counted.
func Handler(address string, log *slog.Logger) http.Handler {
	network, target := "tcp", address
	if path, isPath := strings.CutPrefix(address, "unix:"); isPath {
		network, target = "unix", path
	}
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = "http", "server"
			r.Out.Host = r.In.Host
		},
		Transport: &http.Transport{
			Protocols:          &protocols,
			DisableCompression: true,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return (&net.Dialer{Timeout: limits.ConnectTimeout}).DialContext(ctx, network, target)
			},
		},
		FlushInterval: -1, // each message as it comes
		ErrorLog:      slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		ErrorHandler:  writeError,
	}
	slots := admission.NewSlots(limits.MaxPassedCalls, "gRPC calls")
	limited := admission.Limited(slots, bounded(proxy))
	health := admission.Limited(admission.NewSlots(limits.MaxHealthCalls, "health checks"), bounded(proxy))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		request.InfoOf(r.Context()).Route = route
		if slices.Contains(healthPaths, r.URL.Path) {
			health.ServeHTTP(w, r)
		} else {
			limited.ServeHTTP(w, r)
		}
	})
}

// bounded: no call of the API sends more than one message.
func bounded(next http.Handler) http.Handler {
	const frameHeaderBytes = 5
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if failed := request.BoundBody(w, r, limits.MaxRPCMessageBytes+frameHeaderBytes); failed != nil {
			apierror.WriteRPC(w, r, failed.Status())
			return
		}
		next.ServeHTTP(w, r)
	})
}

// writeError: clients make a status of the code of HTTP.
func writeError(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() == nil {
		err = status.Error(codes.Unavailable, "The Penstock server cannot be reached; it may be starting. Try again. ("+
			err.Error()+")")
	}
	apierror.WriteRPC(w, r, err)
}
