package rpcmux

import (
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

// withRoutingPath lets the mux, which splits decoded paths, see slashes within a name as %2F. The mux's middleware
// decodes the parameters.
func withRoutingPath(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if path := routingPath(r.URL); path != r.URL.Path {
			routed, target := *r, *r.URL
			target.Path, target.RawPath = path, ""
			routed.URL = &target
			r = &routed
		}
		next.ServeHTTP(w, r)
	})
}

// IsUTF8: no field of a message could hold another URL.
func IsUTF8(u *url.URL) bool {
	// A query that cannot be read is refused by whoever reads it.
	query, err := url.QueryUnescape(u.RawQuery)
	return utf8.ValidString(u.Path) && (err != nil || utf8.ValidString(query))
}

// routingPath is the decoded path, in which encoded slashes and percent signs stay encoded.
func routingPath(u *url.URL) string {
	if u.RawPath == "" && !strings.Contains(u.Path, "%") {
		return u.Path
	}
	kept := strings.NewReplacer("%2F", "%252F", "%2f", "%252F", "%25", "%2525").Replace(u.EscapedPath())
	path, err := url.PathUnescape(kept)
	if err != nil {
		return u.Path // EscapedPath never makes one
	}
	return path
}
