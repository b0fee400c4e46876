// Package grpcweb answers the calls of gRPC-web, by which a browser asks for the metadata of runs.
//
// Only the service that the web UI of Kubeflow Pipelines asks that way is open to it: web pages have the JSON of all other
// services, and one door for each is enough to guard.
package grpcweb

import (
	"io"
	"mime"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/penstock/penstock/gateway/apierror"
	"github.com/penstock/penstock/gateway/limits"
	"github.com/penstock/penstock/gateway/marshal"
	"github.com/penstock/penstock/gateway/metadata"
	"github.com/penstock/penstock/gateway/request"
)

// Route is what logs and metrics call these requests.
const Route = "gRPC-web"

const contentType = "application/grpc-web"

// rpcPath are the unary calls that are passed on. The server knows which there are.
var rpcPath = regexp.MustCompile(`^/ml_metadata\.MetadataStoreService/[A-Za-z]+$`)

// Accepts tells gRPC-web from other requests, also from those of gRPC.
func Accepts(r *http.Request) bool {
	return strings.HasPrefix(r.Header.Get("Content-Type"), contentType)
}

type handler struct {
	conn    grpc.ClientConnInterface
	headers *metadata.Headers
}

// Handler makes the calls over conn. It passes messages on without reading them. An error of a call is an answer with the
// code 200 like any other, as gRPC-web has it; other codes are for what is no call.
func Handler(conn *grpc.ClientConn, headers *metadata.Headers) http.Handler {
	return &handler{marshal.UnparsedAnswers{ClientConn: conn}, headers}
}

// ServeHTTP answers what Accepts tells.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	request.InfoOf(r.Context()).Route = Route
	isText, known := encodingOf(r.Header.Get("Content-Type"))
	switch {
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		apierror.WriteStatus(w, r, http.StatusMethodNotAllowed, status.New(codes.Unimplemented,
			"Calls of gRPC-web are made with POST."))
		return
	case !known:
		apierror.WriteStatus(w, r, http.StatusUnsupportedMediaType, status.New(codes.Unimplemented,
			"The content types of gRPC-web here are application/grpc-web and application/grpc-web-text, alone or with +proto."))
		return
	}
	message, err := h.call(w, r, isText)
	writeAnswer(w, r, message, err, isText)
}

// encodingOf reads the content type: base64, which a browser can read as it comes, or plain bytes.
func encodingOf(contentType string) (isText, known bool) {
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return false, false
	}
	switch strings.TrimSuffix(kind, "+proto") {
	case "application/grpc-web":
		return false, true
	case "application/grpc-web-text":
		return true, true
	}
	return false, false
}

// call returns the answer in the wire format.
func (h *handler) call(w http.ResponseWriter, r *http.Request, isText bool) ([]byte, error) {
	if !rpcPath.MatchString(r.URL.Path) {
		return nil, status.Errorf(codes.Unimplemented, "%s is not served over gRPC-web.", limits.Shortened(r.URL.Path))
	}
	message, err := readMessage(w, r, isText)
	if err != nil {
		return nil, err
	}
	// Messages of any type, as fields that this one does not know.
	asked, answer := &emptypb.Empty{}, &emptypb.Empty{}
	asked.ProtoReflect().SetUnknown(message)
	if err := h.conn.Invoke(h.headers.Outgoing(r), r.URL.Path, asked, answer); err != nil {
		return nil, err
	}
	return answer.ProtoReflect().GetUnknown(), nil
}

// readMessage takes the only message of the body.
func readMessage(w http.ResponseWriter, r *http.Request, isText bool) ([]byte, error) {
	limit := int64(limits.MaxWebMessageBytes + frameHeaderBytes)
	if isText {
		limit = (limit + 2) / 3 * 4
	}
	failed := request.BoundBody(w, r, limit)
	var body []byte
	if failed == nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			if failed = request.InfoOf(r.Context()).BodyError(); failed == nil {
				return nil, status.Error(codes.InvalidArgument, "The request body broke off: "+err.Error())
			}
		}
	}
	if failed != nil {
		if failed.HTTPCode == http.StatusRequestEntityTooLarge {
			return nil, tooLong()
		}
		return nil, failed.Status()
	}
	if isText {
		var err error
		if body, err = decodeText(body); err != nil {
			return nil, err
		}
	}
	return onlyMessage(body)
}

// writeAnswer writes the message, unless err is not nil, and the trailers, in one piece.
func writeAnswer(w http.ResponseWriter, r *http.Request, message []byte, err error, isText bool) {
	info := request.InfoOf(r.Context())
	var body []byte
	if err == nil {
		body = appendFrame(make([]byte, 0, len(message)+64), messageFrame, message)
	} else {
		info.Failure = status.Convert(err).Message()
		info.DrainBody()
	}
	body = appendFrame(body, trailerFrame, trailers(status.Convert(err)))
	header := w.Header()
	header.Set("Content-Type", contentType+"+proto")
	if isText {
		body = encodeText(body)
		header.Set("Content-Type", contentType+"-text+proto")
	}
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body)
}
