package observe

import (
	"net/http"
	"time"

	"github.com/penstock/penstock/gateway/limits"
)

// responseWriter counts what is answered, and drops a client that takes less than limits.MinBodyRate of what there is for
// it: time in which there was nothing does not count.
type responseWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	code    int
	bytes   int64
	writing time.Duration // spent in writing
	isHTTP2 bool
}

func newResponseWriter(w http.ResponseWriter, isHTTP2 bool) *responseWriter {
	rw := &responseWriter{ResponseWriter: w, control: http.NewResponseController(w), isHTTP2: isHTTP2}
	if !isHTTP2 {
		rw.setDeadline()
	}
	return rw
}

func (w *responseWriter) setDeadline() {
	allowed := limits.RateGrace + time.Duration(w.bytes/limits.MinBodyRate)*time.Second
	_ = w.control.SetWriteDeadline(time.Now().Add(allowed - w.writing))
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
		w.setDeadline()
		begun := time.Now()
		n, err := w.ResponseWriter.Write(slice)
		w.wrote(begun)
		written += n
		w.bytes += int64(n)
		if err != nil || written == len(p) {
			return written, err
		}
	}
}

// wrote counts the time. With HTTP/2 a deadline that passes ends the answer even if nothing is being written.
func (w *responseWriter) wrote(begun time.Time) {
	w.writing += time.Since(begun)
	if w.isHTTP2 {
		_ = w.control.SetWriteDeadline(time.Time{})
	}
}

// FlushError is what http.ResponseController calls.
func (w *responseWriter) FlushError() error {
	w.setDeadline()
	defer w.wrote(time.Now())
	return w.control.Flush()
}

// Unwrap lets http.ResponseController reach the connection.
func (w *responseWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
