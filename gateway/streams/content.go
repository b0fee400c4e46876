package streams

import (
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"google.golang.org/grpc"
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
// that is a folder; ?view=html asks for a page, ?view=tar for a whole folder, ?download=true for a file.
func (s *Streams) Content(artifactID string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		query, err := url.ParseQuery(r.URL.RawQuery)
		if err != nil {
			apierror.WriteHTTP(w, r, http.StatusBadRequest, "The query string is malformed: "+err.Error(), "")
			return
		}
		ctx, cancel := s.pipe.Context(s.headers.Outgoing(r))
		defer cancel()
		asked := &penstock.ReadArtifactRequest{ArtifactId: artifactID, Path: query.Get("path"),
			LinkSuffices: query.Get("download") == "true" && r.Header.Get("Range") == ""}
		if query.Get("view") == "tar" {
			s.serveArchive(w, r, s.folderOf(ctx, asked))
			return
		}
		found, err := s.open(ctx, r, asked)
		if err != nil {
			s.failContent(w, r, err)
			return
		}
		if link := found.head.GetLink(); link != "" {
			w.Header().Set("Cache-Control", "no-store")
			w.Header().Set("Referrer-Policy", "no-referrer")
			http.Redirect(w, r, link, http.StatusFound)
			return
		}
		s.serveContent(w, r, query, found)
	}
}

// ContentAt is the same for an artifact by its URI, which is the first of these where something is: all of it, or its first
// bytes if there are to be only so many. A folder is an archive, or one line that tells of it.
func (s *Streams) ContentAt(uris []string, first int64) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if first > 0 && r.Header.Get("Range") == "" {
			r = r.Clone(r.Context())
			r.Header.Set("Range", fmt.Sprintf("bytes=0-%d", first-1))
			w = wholeAnswer{w}
		}
		ctx, cancel := s.pipe.Context(s.headers.Outgoing(r))
		defer cancel()
		var found *content
		var asked *penstock.ReadArtifactRequest
		err := status.Error(codes.NotFound, "There is no such artifact.")
		for i := 0; i < len(uris) && status.Code(err) == codes.NotFound; i++ {
			asked = &penstock.ReadArtifactRequest{Uri: uris[i], RecordedSuffices: first > 0}
			found, err = s.open(ctx, r, asked)
		}
		switch folder := s.folderOf(ctx, asked); {
		case err == nil:
			s.serveContent(w, r, r.URL.Query(), found)
		case status.Code(err) != codes.FailedPrecondition || !folder.isFolder():
			s.failContent(w, r, err)
		case first > 0:
			s.serveSummary(w, r, folder)
		default:
			s.serveArchive(w, r, folder)
		}
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

// content is an artifact, or the part of it that was asked for, of which the beginning has come.
type content struct {
	asked   *penstock.ReadArtifactRequest
	isRange bool
	head    *penstock.ArtifactChunk // there is one also where there are no bytes
	stream  grpc.ServerStreamingClient[penstock.ArtifactChunk]
}

// open asks for the part that the request names, for as long as ctx lasts.
func (s *Streams) open(ctx context.Context, r *http.Request, asked *penstock.ReadArtifactRequest) (*content, error) {
	wanted, isRange := parseRange(r.Header.Get("Range"))
	if isRange {
		asked.OffsetBytes, asked.LimitBytes = wanted.first, wanted.limit
	}
	if r.Method == http.MethodHead {
		asked.LimitBytes = 1
	}
	stream, err := s.artifacts.ReadArtifact(ctx, asked)
	if err != nil {
		return nil, err
	}
	head, err := stream.Recv()
	if err != nil {
		return nil, err
	}
	return &content{asked, isRange, head, stream}, nil
}

func (s *Streams) failContent(w http.ResponseWriter, r *http.Request, err error) {
	if status.Code(err) == codes.OutOfRange {
		apierror.WriteHTTP(w, r, http.StatusRequestedRangeNotSatisfiable, status.Convert(err).Message(), "")
		return
	}
	s.pipe.Fail(w, r, err, false)
}

func (s *Streams) serveContent(w http.ResponseWriter, r *http.Request, query url.Values, found *content) {
	next := found.next()
	if r.Method == http.MethodHead {
		next = func() ([]byte, error) { return nil, io.EOF }
	}
	begin := func() io.Writer { return beginContent(w, query, found) }
	s.pipe.Copy(w, r, next, begin, false)
}

// next gives the bytes from the first on.
func (c *content) next() ByteStream {
	rest := c.head
	return func() ([]byte, error) {
		if rest == nil {
			chunk, err := c.stream.Recv()
			return chunk.GetData(), err
		}
		data := rest.GetData()
		rest = nil
		return data, nil
	}
}

func beginContent(w http.ResponseWriter, query url.Values, found *content) io.Writer {
	header, head := w.Header(), found.head
	size, first := head.GetSizeBytes(), head.GetOffsetBytes()
	length := size - first
	if found.isRange && found.asked.LimitBytes > 0 && found.asked.LimitBytes < length {
		length = found.asked.LimitBytes
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
	if found.isRange {
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
