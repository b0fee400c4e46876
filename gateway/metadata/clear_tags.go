package metadata

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
)

// WithClearTags tells the server that the tags in the body of an update are present and empty, which a protobuf map
// cannot say. Clients of gRPC set the same metadata themselves.
func WithClearTags(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if (r.Method == http.MethodPatch || r.Method == http.MethodPut) &&
			strings.HasPrefix(r.URL.Path, "/apis/v2beta1/pipelines/") {
			body, err := io.ReadAll(r.Body)
			if err == nil && hasEmptyTags(body) {
				r.Header.Set(clearTagsHeader, "true")
			}
			// On an error the decoder of the body meets the same end and reports it.
			r.Body = struct {
				io.Reader
				io.Closer
			}{io.MultiReader(bytes.NewReader(body), r.Body), r.Body}
		}
		next.ServeHTTP(w, r)
	})
}

// hasEmptyTags tells whether the JSON object has the key `tags` with an object that has no keys.
func hasEmptyTags(body []byte) bool {
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) != nil || fields["tags"] == nil {
		return false
	}
	var tags map[string]json.RawMessage
	return json.Unmarshal(fields["tags"], &tags) == nil && tags != nil && len(tags) == 0
}
