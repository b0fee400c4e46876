package main

import (
	"net"
	"net/http"
	"slices"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/penstock/penstock/gateway/apierror"
	"github.com/penstock/penstock/gateway/limits"
)

// guardBrowsers keeps web pages of strangers from using the API through the browser of someone who can reach it: a run
// executes code, and a gateway on a loopback address asks for no password.
func (g *gateway) guardBrowsers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case g.checksHosts() && !g.hostAllowed(r.Host):
			apierror.WriteStatus(w, r, http.StatusForbidden, status.New(codes.PermissionDenied,
				"The Host header "+limits.Shortened(r.Host)+" is not allowed here. "+
					"If it is a name of this machine or of a proxy, start the gateway with --allowed_hosts."))
		case g.crossSite(r):
			apierror.WriteStatus(w, r, http.StatusForbidden, status.New(codes.PermissionDenied,
				"A web page of another site may not change anything here. "+
					"If the page is trusted, start the gateway with --trusted_origins."))
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// checksHosts is true on a loopback address, and on any other if names were given: in a container the address says
// nothing of who can reach it.
func (g *gateway) checksHosts() bool {
	return g.loopbackOnly || len(g.cfg.allowedHosts) > 0
}

// hostAllowed stops DNS rebinding, in which the page's own host name is made to mean this machine.
func (g *gateway) hostAllowed(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.ToLower(strings.Trim(name, "[]"))
	if name == "" || name == "localhost" || strings.HasSuffix(name, ".localhost") || net.ParseIP(name) != nil {
		return true
	}
	return slices.Contains(g.cfg.allowedHosts, "*") || slices.Contains(g.cfg.allowedHosts, name)
}

// crossSite goes by what browsers say of themselves; other clients do not send the header. A UI behind its own proxy
// counts as the same site.
func (g *gateway) crossSite(r *http.Request) bool {
	if r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions {
		return false
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
		return false
	}
	return !slices.Contains(g.cfg.trustedOrigins, r.Header.Get("Origin"))
}
