package main

import (
	"context"
	"encoding/json"
	"errors"
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

// handleRPCError answers a failed RPC, and a request that could not be made one.
func handleRPCError(ctx context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter,
	r *http.Request, err error) {
	httpCode := 0
	var withCode *runtime.HTTPStatusError
	if errors.As(err, &withCode) {
		httpCode, err = withCode.HTTPStatus, withCode.Err
		if _, isStatus := status.FromError(err); !isStatus {
			err = status.Error(codes.InvalidArgument, err.Error())
		}
	}
	// The decoder of the body sees only that reading failed; the body knows why.
	if bodyErr := request.InfoOf(ctx).BodyError(); bodyErr != nil {
		httpCode, err = bodyErr.HTTPCode, bodyErr.Status()
	}
	st := status.Convert(err)
	if httpCode == 0 {
		httpCode = runtime.HTTPStatusFromCode(st.Code())
	}
	writeStatus(w, r, httpCode, st)
}

// writeStatus answers with {"code", "message", "details"}, the error body of the API.
func writeStatus(w http.ResponseWriter, r *http.Request, httpCode int, st *status.Status) {
	body, err := marshal.JSON.Marshal(presentable(st.Proto()))
	if err != nil {
		body = []byte(`{"code":13,"message":"The error could not be written as JSON."}`)
	}
	writeErrorHeader(w, r, httpCode, st.Message())
	_, _ = w.Write(body)
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

func writeHTTPError(w http.ResponseWriter, r *http.Request, httpCode int, message, details string) {
	body, _ := json.Marshal(httpError{Message: message, Details: firstNonEmpty(details, message)})
	writeErrorHeader(w, r, httpCode, details)
	_, _ = w.Write(body)
}

// writeHTTPErrorFrom does it for a failed RPC, with the text that the server means for users as the message.
func writeHTTPErrorFrom(w http.ResponseWriter, r *http.Request, err error) {
	st := status.Convert(err)
	message := st.Message()
	for _, detail := range st.Details() {
		if inner, ok := detail.(*spb.Status); ok && inner.Message != "" {
			message = inner.Message
			break
		}
	}
	writeHTTPError(w, r, runtime.HTTPStatusFromCode(st.Code()), message, st.Message())
}

func writeErrorHeader(w http.ResponseWriter, r *http.Request, httpCode int, cause string) {
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
}

func writeNotFound(w http.ResponseWriter, r *http.Request) {
	writeStatus(w, r, http.StatusNotFound, status.New(codes.NotFound, "Not Found"))
}

func writeWrongMethod(w http.ResponseWriter, r *http.Request, allowed string) {
	w.Header().Set("Allow", allowed)
	writeStatus(w, r, http.StatusNotImplemented, status.New(codes.Unimplemented, "Method Not Allowed"))
}
