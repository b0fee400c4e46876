package guard

import (
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/penstock/penstock/gateway/limits"
)

// CheckNesting refuses, with INVALID_ARGUMENT, a message that is nested deeper than limits.MaxMessageNesting, which the
// server's protobuf library would reject without a word why.
func CheckNesting(request any) error {
	message, ok := request.(proto.Message)
	if !ok || fitsNesting(message.ProtoReflect(), limits.MaxMessageNesting) {
		return nil
	}
	return status.Error(codes.InvalidArgument, fmt.Sprintf(
		"The request is nested too deeply: at most %d messages, which is about %d levels of JSON objects.",
		limits.MaxMessageNesting, limits.MaxMessageNesting/3))
}

// fitsNesting tells whether no message stands more than budget levels below this one. An entry of a map is a level.
func fitsNesting(message protoreflect.Message, budget int) bool {
	if budget < 0 {
		return false
	}
	switch known := message.Interface().(type) { // nearly all of a large request; reflection is slow
	case *structpb.Struct:
		return structFits(known, budget)
	case *structpb.Value:
		return valueFits(known, budget)
	}
	fits := true
	message.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		switch {
		case field.IsMap():
			fits = budget >= 1
			if fits && field.MapValue().Message() != nil {
				value.Map().Range(func(_ protoreflect.MapKey, item protoreflect.Value) bool {
					fits = fitsNesting(item.Message(), budget-2)
					return fits
				})
			}
		case field.IsList() && field.Message() != nil:
			for i := 0; fits && i < value.List().Len(); i++ {
				fits = fitsNesting(value.List().Get(i).Message(), budget-1)
			}
		case field.Message() != nil:
			fits = fitsNesting(value.Message(), budget-1)
		}
		return fits
	})
	return fits
}

func structFits(object *structpb.Struct, budget int) bool {
	for _, value := range object.GetFields() {
		if !valueFits(value, budget-2) {
			return false
		}
	}
	return budget >= 0
}

func valueFits(value *structpb.Value, budget int) bool {
	if budget < 0 {
		return false
	}
	switch kind := value.GetKind().(type) {
	case *structpb.Value_StructValue:
		return structFits(kind.StructValue, budget-1)
	case *structpb.Value_ListValue:
		if budget < 1 {
			return false
		}
		for _, item := range kind.ListValue.GetValues() {
			if !valueFits(item, budget-2) {
				return false
			}
		}
	}
	return true
}
