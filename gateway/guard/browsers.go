// Package guard refuses what must not reach the server: requests that web pages of strangers make through a browser,
// messages that are nested too deeply, and query parameters that a call does not have.
package guard

import (
	"cmp"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/penstock/penstock/gateway/apierror"
	"github.com/penstock/penstock/gateway/limits"
)

// Browsers keeps web pages of strangers from using the API through the browser of someone who can reach it: a run
// executes code, and a gateway on a loopback address asks for no password. Constant once it guards.
type Browsers struct {
	LoopbackOnly   bool     // only this machine reaches the gateway
	AllowedHosts   []string // names to answer to besides those of this machine; * is all
	TrustedOrigins []string // of web pages that may call the API
	// OnlyReads tells requests that change nothing, and that a browser sends for a page of another origin only if it was
	// allowed to when it asked before, which nothing here allows. So they come from a page whose own server has passed them
	// on, as that of KFP's web UI does, which puts another Host in place of the page's own.
	OnlyReads func(*http.Request) bool
}

// Guard passes on what no stranger's page has made, and answers the rest with 403.
func (b *Browsers) Guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case b.checksHosts() && !b.hostAllowed(r.Host):
			apierror.WriteStatus(w, r, http.StatusForbidden, status.New(codes.PermissionDenied,
				"The Host header "+limits.Shortened(r.Host)+" is not allowed here. "+
					"If it is a name of this machine or of a proxy, start the gateway with --allowed_hosts."))
		case b.foreign(r):
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
func (b *Browsers) checksHosts() bool {
	return b.LoopbackOnly || len(b.AllowedHosts) > 0
}

// hostAllowed stops DNS rebinding, in which the page's own host name is made to mean this machine.
func (b *Browsers) hostAllowed(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.ToLower(strings.Trim(name, "[]"))
	if name == "" || name == "localhost" || strings.HasSuffix(name, ".localhost") || net.ParseIP(name) != nil {
		return true
	}
	return slices.Contains(b.AllowedHosts, "*") || slices.Contains(b.AllowedHosts, name)
}

// foreign goes by two headers that no page can set. Each browser sends Origin with all that could change something;
// Sec-Fetch-Site is missing where the gateway is reached by a name over plain HTTP. Other clients send neither.
func (b *Browsers) foreign(r *http.Request) bool {
	if r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions {
		return false
	}
	origin := strings.Join(r.Header.Values("Origin"), ",")
	if slices.Contains(b.TrustedOrigins, origin) {
		return false
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "none": // also behind a proxy that puts another Host in place of its own
		return false
	case "":
		return origin != "" && !ownOrigin(r, origin) && !b.OnlyReads(r)
	}
	return true
}

// ownOrigin tells whether the page came from where the request went, as far as a proxy before the gateway lets that be
// seen. Where the proxy says that it was asked over TLS, a page that came without was not its own: anybody in between
// may have written it.
func ownOrigin(r *http.Request, origin string) bool {
	page, err := url.Parse(origin)
	if err != nil || page.Host == "" || (page.Scheme != "http" && page.Scheme != "https") {
		return false // null, for example
	}
	if page.Scheme == "http" && (r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")) {
		return false
	}
	asked := cmp.Or(r.Header.Get("X-Forwarded-Host"), r.Host)
	return sameHost(page.Scheme, page.Host, asked) || sameHost(page.Scheme, page.Host, r.Host)
}

// sameHost compares names and ports, of which the usual one of the scheme may be left out.
func sameHost(scheme, a, b string) bool {
	usual := map[string]string{"http": ":80", "https": ":443"}[scheme]
	return strings.EqualFold(strings.TrimSuffix(a, usual), strings.TrimSuffix(b, usual))
}
