package streams

import (
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/penstock/penstock/gateway/apierror"
	"github.com/penstock/penstock/gateway/gen/penstock"
	"github.com/penstock/penstock/gateway/limits"
)

// What a content may be, so that no page of a browser runs what a task has written: nothing in it runs, is asked of another
// host, or knows where it came from. HTML that is asked for as a page has an origin of its own, and may run its scripts
// there, as plots need.
const (
	quietPolicy = "sandbox; default-src 'none'"
	pagePolicy  = "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval' blob: data:; " +
		"style-src 'unsafe-inline'; img-src data: blob:; font-src data:; media-src data: blob:; worker-src blob:; " +
		"frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
)

// shownMedia are the types that a browser shows in place. They are told by the first bytes, never by names.
var shownMedia = map[string]bool{"image/png": true, "image/jpeg": true, "image/gif": true, "image/webp": true,
	"image/bmp": true, "application/pdf": true, "audio/mpeg": true, "audio/wave": true, "video/mp4": true, "video/webm": true}

// byteRange is one range of a Range header: from first (less than 0: that much before the end), at most limit bytes (0: to
// the end).
type byteRange struct {
	first, limit int64
}

// parseRange reads "bytes=0-99", "bytes=100-" and "bytes=-100". What it does not understand it passes over, as HTTP lets
// it: the answer is the whole then.
func parseRange(header string) (byteRange, bool) {
	spec, isBytes := strings.CutPrefix(header, "bytes=")
	from, to, hasDash := strings.Cut(strings.TrimSpace(spec), "-")
	if !isBytes || !hasDash {
		return byteRange{}, false
	}
	if from == "" {
		last, err := strconv.ParseInt(to, 10, 64)
		return byteRange{first: -last}, err == nil && last > 0
	}
	first, err := strconv.ParseInt(from, 10, 64)
	if err != nil || first < 0 {
		return byteRange{}, false
	}
	if to == "" {
		return byteRange{first: first}, true
	}
	last, err := strconv.ParseInt(to, 10, 64)
	return byteRange{first: first, limit: last - first + 1}, err == nil && last >= first
}

// Content answers with the bytes of an artifact, whoever has made it, or with a range of them. ?path= names a file of one
// that is a folder; ?view=html asks for a page, ?download=true for a file.
func (s *Streams) Content(artifactID string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		query, err := url.ParseQuery(r.URL.RawQuery)
		if err != nil {
			apierror.WriteHTTP(w, r, http.StatusBadRequest, "The query string is malformed: "+err.Error(), "")
			return
		}
		s.serveContent(w, r, query, &penstock.ReadArtifactRequest{ArtifactId: artifactID, Path: query.Get("path")})
	}
}

// ContentAt is the same for the artifact of a URI: all of it, or its first bytes if there are to be only so many.
func (s *Streams) ContentAt(uri string, first int64) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if first > 0 && r.Header.Get("Range") == "" {
			r = r.Clone(r.Context())
			r.Header.Set("Range", fmt.Sprintf("bytes=0-%d", first-1))
			w = wholeAnswer{w}
		}
		s.serveContent(w, r, r.URL.Query(), &penstock.ReadArtifactRequest{Uri: uri})
	}
}

// wholeAnswer says 200 of a part that was not asked for as one.
type wholeAnswer struct{ http.ResponseWriter }

func (w wholeAnswer) WriteHeader(code int) {
	if code == http.StatusPartialContent {
		w.Header().Del("Content-Range")
		code = http.StatusOK
	}
	w.ResponseWriter.WriteHeader(code)
}

// Unwrap is for http.ResponseController.
func (w wholeAnswer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (s *Streams) serveContent(w http.ResponseWriter, r *http.Request, query url.Values, asked *penstock.ReadArtifactRequest) {
	wanted, isRange := parseRange(r.Header.Get("Range"))
	if isRange {
		asked.OffsetBytes, asked.LimitBytes = wanted.first, wanted.limit
	}
	if r.Method == http.MethodHead {
		asked.LimitBytes = 1
	}
	ctx, cancel := s.pipe.Context(s.headers.Outgoing(r))
	defer cancel()
	stream, err := s.artifacts.ReadArtifact(ctx, asked)
	if err != nil {
		s.pipe.Fail(w, r, err, false)
		return
	}
	head, err := stream.Recv() // there is one also where there are no bytes
	if err != nil {
		if status.Code(err) == codes.OutOfRange {
			apierror.WriteHTTP(w, r, http.StatusRequestedRangeNotSatisfiable, status.Convert(err).Message(), "")
			return
		}
		s.pipe.Fail(w, r, err, false)
		return
	}
	rest := head
	next := func() ([]byte, error) {
		if rest == nil {
			chunk, err := stream.Recv()
			return chunk.GetData(), err
		}
		data := rest.GetData()
		rest = nil
		return data, nil
	}
	if r.Method == http.MethodHead {
		next = func() ([]byte, error) { return nil, io.EOF }
	}
	begin := func() io.Writer { return beginContent(w, query, asked, head, isRange) }
	s.pipe.Copy(w, r, next, begin, false)
}

func beginContent(w http.ResponseWriter, query url.Values, asked *penstock.ReadArtifactRequest, head *penstock.ArtifactChunk,
	isRange bool) io.Writer {
	header := w.Header()
	size, first := head.GetSizeBytes(), head.GetOffsetBytes()
	length := size - first
	if isRange && asked.LimitBytes > 0 && asked.LimitBytes < length {
		length = asked.LimitBytes
	}
	media, policy := mediaOf(head, query.Get("view"))
	header.Set("Content-Type", media)
	header.Set("Content-Security-Policy", policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cache-Control", "no-cache, private")
	header.Set("Accept-Ranges", "bytes")
	header.Set("Content-Length", strconv.FormatInt(length, 10))
	disposition := "inline"
	if query.Get("download") == "true" {
		disposition = "attachment"
	}
	if named := mime.FormatMediaType(disposition, map[string]string{"filename": head.GetName()}); named != "" {
		header.Set("Content-Disposition", named)
	}
	if isRange {
		header.Set("Content-Range", "bytes "+strconv.FormatInt(first, 10)+"-"+strconv.FormatInt(first+length-1, 10)+"/"+
			strconv.FormatInt(size, 10))
		w.WriteHeader(http.StatusPartialContent)
	}
	return w
}

// mediaOf goes by the bytes, of which only those at the very beginning tell.
func mediaOf(head *penstock.ArtifactChunk, view string) (media, policy string) {
	if view == "html" {
		return "text/html; charset=utf-8", pagePolicy
	}
	if head.GetOffsetBytes() > 0 {
		return "application/octet-stream", quietPolicy
	}
	found := http.DetectContentType(head.GetData())
	switch {
	case shownMedia[found]:
		return found, quietPolicy
	case strings.HasPrefix(found, "text/"):
		return "text/plain; charset=utf-8", quietPolicy
	}
	return "application/octet-stream", quietPolicy
}

// numberOf reads a query parameter that is a number from 0; 0 where there is none.
func numberOf(query url.Values, name string) (int64, *apierror.Refusal) {
	text := query.Get(name)
	if text == "" {
		return 0, nil
	}
	number, err := strconv.ParseInt(text, 10, 64)
	if err != nil || number < 0 {
		return 0, apierror.Refuse("The query parameter %s must be a number from 0, not %q.", name, limits.Shortened(text))
	}
	return number, nil
}
