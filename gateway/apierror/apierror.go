// Package apierror writes the answers that are errors, in the two forms that the API has: {"code", "message", "details"}
// for what is an RPC, and {"error_message", "error_details"} for uploads, logs and artifacts.
package apierror

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/penstock/penstock/gateway/marshal"
	"github.com/penstock/penstock/gateway/request"
)

// WriteRPC answers a failed RPC, and a request that could not be made one: with the status of err, or that of the bound
// that the body of r passed.
func WriteRPC(w http.ResponseWriter, r *http.Request, err error) {
	httpCode, st := StatusOf(r, err)
	if httpCode == 0 {
		httpCode = runtime.HTTPStatusFromCode(st.Code())
	}
	WriteStatus(w, r, httpCode, st)
}

// StatusOf finds what WriteRPC answers with. The code of HTTP is 0 where that of the status decides.
func StatusOf(r *http.Request, err error) (httpCode int, st *status.Status) {
	var withCode *runtime.HTTPStatusError
	if errors.As(err, &withCode) {
		httpCode, err = withCode.HTTPStatus, withCode.Err
		if _, isStatus := status.FromError(err); !isStatus {
			err = status.Error(codes.InvalidArgument, err.Error())
		}
	}
	// The decoder of the body sees only that reading failed; the body knows why.
	if bodyErr := request.InfoOf(r.Context()).BodyError(); bodyErr != nil {
		httpCode, err = bodyErr.HTTPCode, bodyErr.Status()
	}
	return httpCode, status.Convert(err)
}

// WriteStatus answers with st as {"code", "message", "details"}. Details of types that are not linked in are left out.
func WriteStatus(w http.ResponseWriter, r *http.Request, httpCode int, st *status.Status) {
	body, err := marshal.JSON.Marshal(presentable(st.Proto()))
	if err != nil {
		body = []byte(`{"code":13,"message":"The error could not be written as JSON."}`)
	}
	WriteBody(w, r, httpCode, st.Message(), body)
}

// presentable drops details of types that are not linked in: one would make the whole error unreadable. It also takes
// out the no-break spaces that the protobuf library puts into its messages at random.
func presentable(st *spb.Status) *spb.Status {
	out := proto.CloneOf(st)
	out.Message = strings.ReplaceAll(out.Message, "\u00a0", " ")
	out.Details = nil
	for _, detail := range st.Details {
		if _, err := anypb.UnmarshalNew(detail, proto.UnmarshalOptions{}); err == nil {
			out.Details = append(out.Details, detail)
		}
	}
	return out
}

// httpError is the error body of the endpoints that exist only over HTTP.
type httpError struct {
	Message string `json:"error_message"`
	Details string `json:"error_details"`
}

// WriteHTTP answers with {"error_message", "error_details"}; without details the message stands for them.
func WriteHTTP(w http.ResponseWriter, r *http.Request, httpCode int, message, details string) {
	body, _ := json.Marshal(httpError{Message: message, Details: cmp.Or(details, message)})
	WriteBody(w, r, httpCode, details, body)
}

// WriteHTTPFrom does it for a failed RPC, with the text that the server means for users as the message.
func WriteHTTPFrom(w http.ResponseWriter, r *http.Request, err error) {
	st := status.Convert(err)
	message := st.Message()
	for _, detail := range st.Details() {
		if inner, ok := detail.(*spb.Status); ok && inner.Message != "" {
			message = inner.Message
			break
		}
	}
	WriteHTTP(w, r, runtime.HTTPStatusFromCode(st.Code()), message, st.Message())
}

// WriteBody answers with an error whose JSON is that of another API. The cause is for the log.
func WriteBody(w http.ResponseWriter, r *http.Request, httpCode int, cause string, body []byte) {
	info := request.InfoOf(r.Context())
	info.Failure = cause
	info.DrainBody()
	header := w.Header()
	header.Del("Trailer")
	header.Del("Transfer-Encoding")
	header.Set("Content-Type", "application/json")
	header.Set("X-Content-Type-Options", "nosniff")
	switch httpCode {
	case http.StatusUnauthorized:
		header.Set("WWW-Authenticate", "Bearer")
	case http.StatusServiceUnavailable:
		header.Set("Retry-After", "1")
	case http.StatusRequestEntityTooLarge, http.StatusRequestTimeout:
		header.Set("Connection", "close")
	}
	w.WriteHeader(httpCode)
	_, _ = w.Write(body)
}

// WriteNotFound answers a path that leads nowhere.
func WriteNotFound(w http.ResponseWriter, r *http.Request) {
	WriteStatus(w, r, http.StatusNotFound, status.New(codes.NotFound, "Not Found"))
}

// WriteWrongMethod answers a path that is served with the method allowed only.
func WriteWrongMethod(w http.ResponseWriter, r *http.Request, allowed string) {
	w.Header().Set("Allow", allowed)
	WriteStatus(w, r, http.StatusNotImplemented, status.New(codes.Unimplemented, "Method Not Allowed"))
}

// Refusal is a request for what exists only over HTTP that does not get as far as the server.
type Refusal struct {
	HTTPCode int
	Message  string
}

// Error is the sentence for the client.
func (e *Refusal) Error() string { return e.Message }

// Refuse makes the refusal of a bad request, 400.
func Refuse(format string, arguments ...any) *Refusal {
	return &Refusal{http.StatusBadRequest, fmt.Sprintf(format, arguments...)}
}
