package routes

import (
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/penstock/penstock/gateway/apierror"
)

// withRoutingPath lets the mux, which splits decoded paths, see slashes within a name as %2F. The mux's middleware
// decodes the parameters. A URL that is not UTF-8 is refused: no field of a message could hold it.
func withRoutingPath(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isUTF8(r.URL) {
			err := status.Error(codes.InvalidArgument, "the URL has bytes that are not UTF-8")
			apierror.WriteRPC(w, r, err)
			return
		}
		if path := routingPath(r.URL); path != r.URL.Path {
			routed, target := *r, *r.URL
			target.Path, target.RawPath = path, ""
			routed.URL = &target
			r = &routed
		}
		next.ServeHTTP(w, r)
	})
}

func isUTF8(u *url.URL) bool {
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
