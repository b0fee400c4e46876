package observe

import (
	"net/http"
	"time"

	"github.com/penstock/penstock/gateway/limits"
)

// responseWriter counts what is answered, and drops a client that stops reading: each slice has a deadline of its own,
// so that an answer may be long but not stuck.
type responseWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	code    int
	bytes   int64
}

func newResponseWriter(w http.ResponseWriter) *responseWriter {
	rw := &responseWriter{ResponseWriter: w, control: http.NewResponseController(w)}
	rw.extendDeadline()
	return rw
}

func (w *responseWriter) extendDeadline() {
	_ = w.control.SetWriteDeadline(time.Now().Add(limits.ResponseSliceTimeout))
}

func (w *responseWriter) WriteHeader(code int) {
	if w.code == 0 {
		w.code = code
	}
	w.ResponseWriter.WriteHeader(code)
}

func (w *responseWriter) Write(p []byte) (int, error) {
	if w.code == 0 {
		w.code = http.StatusOK
	}
	written := 0
	for {
		slice := p[written:min(len(p), written+limits.ResponseSliceBytes)]
		w.extendDeadline()
		n, err := w.ResponseWriter.Write(slice)
		written += n
		w.bytes += int64(n)
		if err != nil || written == len(p) {
			return written, err
		}
	}
}

// FlushError is what http.ResponseController calls.
func (w *responseWriter) FlushError() error {
	w.extendDeadline()
	return w.control.Flush()
}

// Unwrap lets http.ResponseController reach the connection.
func (w *responseWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
