// Package marshal makes JSON of the answers of RPCs, and requests of JSON.
package marshal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	protocodec "google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/penstock/penstock/gateway/limits"
	"github.com/penstock/penstock/gateway/wirejson"

	// Known to the JSON encoder, so that they can stand in the details of an error.
	_ "google.golang.org/genproto/googleapis/rpc/errdetails"
	_ "google.golang.org/genproto/googleapis/rpc/status"
)

type marshaler struct {
	runtime.JSONPb
}

// JSON follows what Kubeflow Pipelines' clients expect: proto field names, unset fields left out, and unknown fields of
// a request refused, as is what is nested deeper than limits.MaxJSONDepth. Safe for concurrent use.
var JSON runtime.Marshaler = &marshaler{runtime.JSONPb{
	MarshalOptions:   protojson.MarshalOptions{UseProtoNames: true, EmitUnpopulated: false},
	UnmarshalOptions: protojson.UnmarshalOptions{DiscardUnknown: false, RecursionLimit: limits.MaxJSONDepth},
}}

// Marshal writes the answers of UnparsedAnswers as they came.
func (m *marshaler) Marshal(value any) ([]byte, error) {
	if message, wire := unparsed(value); message != nil {
		text, err := wirejson.Append(roomFor(wire), message.Type(), wire)
		return text, unwritable(err)
	}
	return m.JSONPb.Marshal(value)
}

// unparsed gives an answer that is still in the wire format, or nil.
func unparsed(value any) (protoreflect.Message, []byte) {
	if message, ok := value.(proto.Message); ok {
		reflected := message.ProtoReflect()
		if wire := reflected.GetUnknown(); len(wire) > 0 && len(wire) == proto.Size(message) {
			return reflected, wire
		}
	}
	return nil, nil
}

func roomFor(wire []byte) []byte { return make([]byte, 0, 2*len(wire)+64) }

func unwritable(err error) error {
	if err == nil {
		return nil
	}
	return status.Errorf(codes.Internal, "The server's answer cannot be written as JSON: %v.", err)
}

// NewDecoder tells a client that it is the body that is wrong, and how. An empty body is io.EOF, which callers know.
func (m *marshaler) NewDecoder(body io.Reader) runtime.Decoder {
	text := json.NewDecoder(body)
	decoder := runtime.DecoderWrapper{Decoder: text, UnmarshalOptions: m.UnmarshalOptions}
	return runtime.DecoderFunc(func(value any) error {
		err := decoder.Decode(value)
		if errors.Is(err, io.EOF) {
			return err
		}
		if err == nil {
			if _, err = text.Token(); errors.Is(err, io.EOF) {
				return nil
			}
			err = errors.New("something follows its end")
		}
		return unreadable(err)
	})
}

func unreadable(err error) error {
	reason := strings.TrimPrefix(strings.ReplaceAll(err.Error(), "\u00a0", " "), "proto: ")
	if errors.Is(err, io.ErrUnexpectedEOF) {
		reason = "it ends too early"
	}
	return fmt.Errorf("The request body is not the JSON of this call: %s", reason)
}

// UnparsedAnswers is a connection that leaves the answers of unary calls in the wire format, as unknown fields of their
// message: the gateway looks at none of their fields, and JSON writes them without parsing them first.
type UnparsedAnswers struct {
	*grpc.ClientConn
}

// Invoke is called by the clients of services; its errors are those of the call.
func (c UnparsedAnswers) Invoke(ctx context.Context, method string, request, reply any,
	options ...grpc.CallOption) error {
	return c.ClientConn.Invoke(ctx, method, request, reply, append(options, grpc.ForceCodecV2(unparsedCodec))...)
}

var unparsedCodec = wireCodec{encoding.GetCodecV2(protocodec.Name)}

type wireCodec struct {
	encoding.CodecV2
}

func (wireCodec) Unmarshal(data mem.BufferSlice, reply any) error {
	reply.(proto.Message).ProtoReflect().SetUnknown(data.Materialize())
	return nil
}
