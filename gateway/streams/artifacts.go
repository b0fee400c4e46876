package streams

import (
	"encoding/base64"
	"io"
	"net/http"

	"github.com/penstock/penstock/gateway/gen/penstock"
)

// Artifact streams {"data":"<base64>"} without ever holding the whole artifact.
func (s *Streams) Artifact(node Node) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := s.pipe.Context(s.headers.Outgoing(r))
		defer cancel()
		stream, err := s.artifacts.ReadArtifact(ctx, &penstock.ReadArtifactRequest{
			RunId: node.RunID, TaskId: node.NodeID, ArtifactName: node.Artifact,
		})
		if err != nil {
			s.pipe.Fail(w, r, err, false)
			return
		}
		var encoder io.WriteCloser
		next := func() ([]byte, error) {
			chunk, err := stream.Recv()
			return chunk.GetData(), err
		}
		begin := func() io.Writer {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Cache-Control", "no-cache, private")
			_, _ = io.WriteString(w, `{"data":"`)
			encoder = base64.NewEncoder(base64.StdEncoding, w)
			return encoder
		}
		s.pipe.Copy(w, r, next, begin, false)
		if encoder != nil { // the stream ended well
			_ = encoder.Close()
			_, _ = io.WriteString(w, `"}`)
		}
	}
}
