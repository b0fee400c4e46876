package marshal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/penstock/penstock/gateway/limits"
	"github.com/penstock/penstock/gateway/wirejson"
)

type mlflowMarshaler struct {
	runtime.JSONPb
}

// MLflow follows what MLflow's clients expect: integers are numbers, NaN and infinities are the texts "NaN", "Infinity"
// and "-Infinity", and of a request null is unset and unknown fields are ignored, as clients send those of newer servers.
// Safe for concurrent use.
var MLflow runtime.Marshaler = &mlflowMarshaler{runtime.JSONPb{
	MarshalOptions:   protojson.MarshalOptions{UseProtoNames: true},
	UnmarshalOptions: protojson.UnmarshalOptions{DiscardUnknown: true, RecursionLimit: limits.MaxJSONDepth},
}}

// Marshal writes the answers of UnparsedAnswers.
func (m *mlflowMarshaler) Marshal(value any) ([]byte, error) {
	if message, wire := unparsed(value); message != nil {
		text, err := wirejson.AppendWithNumbers(roomFor(wire), message.Type(), wire)
		return text, unwritable(err)
	}
	return m.JSONPb.Marshal(value)
}

// NewDecoder tells a client what is wrong with the body. An empty body is io.EOF, which callers know.
func (m *mlflowMarshaler) NewDecoder(body io.Reader) runtime.Decoder {
	return runtime.DecoderFunc(func(value any) error {
		text, err := io.ReadAll(body)
		if err != nil {
			return err
		}
		if len(bytes.TrimSpace(text)) == 0 {
			return io.EOF
		}
		message := value.(proto.Message)
		if err := m.UnmarshalOptions.Unmarshal(text, message); err != nil {
			return unreadable(err)
		}
		return checkNames(text, message.ProtoReflect().Descriptor())
	})
}

// checkNames refuses names that an enum does not have: protojson takes them for unknown fields, and a run whose status is
// misspelt would keep the one that it has. Requests have enums at the top only.
func checkNames(text []byte, message protoreflect.MessageDescriptor) error {
	var given map[string]json.RawMessage
	for i := range message.Fields().Len() {
		field := message.Fields().Get(i)
		if field.Enum() == nil {
			continue
		}
		if given == nil {
			if err := json.Unmarshal(text, &given); err != nil {
				return unreadable(err)
			}
		}
		value := given[field.TextName()]
		if value == nil {
			value = given[field.JSONName()]
		}
		var name string
		if json.Unmarshal(value, &name) != nil || name == "" {
			continue // absent, null or a number
		}
		if values := field.Enum().Values(); values.ByName(protoreflect.Name(name)) == nil {
			return fmt.Errorf("%s must be one of %s, not %q", field.TextName(), namesOf(values), limits.Shortened(name))
		}
	}
	return nil
}

// namesOf leaves out the first, which stands for unset.
func namesOf(values protoreflect.EnumValueDescriptors) string {
	var names []string
	for i := range values.Len() {
		names = append(names, string(values.Get(i).Name()))
	}
	return strings.Join(slices.Delete(names, 0, 1), ", ")
}
