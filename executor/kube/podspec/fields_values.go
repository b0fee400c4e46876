package podspec

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
	kjson "sigs.k8s.io/json"

	"github.com/penstock/penstock/kube/limits"
)

// opaque are fields below which the keys are the author's own.
var opaque = map[string]bool{
	"labels": true, "annotations": true, "constant": true, "requests": true, "limits": true,
	"matchPodLabels": true, "matchNamespaceLabels": true,
}

// tidy gives fields the one spelling that structs have: protobuf's JSON may have them in snake_case, and a value that
// was a Struct has each integer as 5.0. Keys below those of `opaque` stay.
func tidy(text json.RawMessage, opaque map[string]bool) (json.RawMessage, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, fmt.Errorf("they are no JSON: %v", err)
	}
	value, err := tidyValue(value, opaque, false)
	if err != nil {
		return nil, err
	}
	return asJSON(value), nil
}

func tidyValue(value any, opaque map[string]bool, keysStay bool) (any, error) {
	switch value := value.(type) {
	case map[string]any:
		tidied := make(map[string]any, len(value))
		for key, inner := range value {
			name := key
			if !keysStay {
				name = camelCase(key)
			}
			if _, twice := tidied[name]; twice {
				return nil, fmt.Errorf("the field %s is given twice", shown(name))
			}
			var err error
			if tidied[name], err = tidyValue(inner, opaque, keysStay || opaque[name]); err != nil {
				return nil, err
			}
		}
		return tidied, nil
	case []any:
		for i := range value {
			var err error
			if value[i], err = tidyValue(value[i], opaque, keysStay); err != nil {
				return nil, err
			}
		}
	case json.Number:
		number, err := value.Float64()
		isWhole := err == nil && number == math.Trunc(number) && math.Abs(number) < 1<<53
		if isWhole && strings.ContainsAny(value.String(), ".eE") {
			return json.Number(strconv.FormatInt(int64(number), 10)), nil
		}
	}
	return value, nil
}

func camelCase(name string) string {
	parts := strings.Split(name, "_")
	for i := 1; i < len(parts); i++ {
		if parts[i] != "" {
			parts[i] = strings.ToUpper(parts[i][:1]) + parts[i][1:]
		}
	}
	return strings.Join(parts, "")
}

// strictly reads JSON that tidy has made, and refuses what the type does not have.
func strictly(text json.RawMessage, into any) error {
	problems, err := kjson.UnmarshalStrict(text, into)
	var wrongType *json.UnmarshalTypeError
	if errors.As(err, &wrongType) {
		return fmt.Errorf("%s must be %s, not of the type %s",
			cmp.Or(wrongType.Field, "it"), wordsOf(wrongType.Type), wrongType.Value)
	}
	if err != nil {
		return err
	}
	var field kjson.FieldError
	for _, problem := range problems {
		if errors.As(problem, &field) {
			return fmt.Errorf("it has a field %s, which is not known there", shown(field.FieldPath()))
		}
		return problem
	}
	return nil
}

func wordsOf(wanted reflect.Type) string {
	switch wanted.Kind() {
	case reflect.String:
		return "a text"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "a list"
	case reflect.Map, reflect.Struct:
		return "an object"
	}
	return "an integer"
}

// shown is a text of the author in a sentence.
func shown(text string) string {
	if len(text) > limits.ShownBytes {
		text = strings.ToValidUTF8(text[:limits.ShownBytes], "") + "..."
	}
	return strconv.Quote(text)
}

// integer is what protobuf's JSON has as a number or, if it has 64 bits, as a text.
type integer int64

// UnmarshalJSON takes both spellings.
func (i *integer) UnmarshalJSON(text []byte) error {
	word := string(text)
	var quoted string
	if json.Unmarshal(text, &quoted) == nil {
		word = quoted
	}
	number, err := strconv.ParseInt(word, 10, 64)
	if err != nil {
		return fmt.Errorf("%s stands where an integer must be", shown(word))
	}
	*i = integer(number)
	return nil
}

// parameter is an InputParameterSpec in place of which the server has put its value.
type parameter struct {
	RuntimeValue *struct {
		Constant json.RawMessage `json:"constant"`
	} `json:"runtimeValue"`
}

// value is nil if there is none, for instance because an optional input was not given.
func (p *parameter) value() json.RawMessage {
	if p.RuntimeValue == nil || string(p.RuntimeValue.Constant) == "null" || len(p.RuntimeValue.Constant) == 0 {
		return nil
	}
	return p.RuntimeValue.Constant
}

// nameOf is the name of an object: of a parameter, or else what older releases of kfp-kubernetes wrote in its place. It
// is empty, without an error, if the parameter has no value.
func nameOf(kind, field string, given *parameter, literal string) (string, error) {
	name := literal
	if given != nil {
		value := given.value()
		if value == nil {
			return "", nil
		}
		if json.Unmarshal(value, &name) != nil {
			return "", fmt.Errorf("%s must be a text, the name of %s, not %s", field, kind, shown(string(value)))
		}
	} else if name == "" {
		return "", fmt.Errorf("it names no object: %s must be the name of %s", field, kind)
	}
	if len(validation.IsDNS1123Subdomain(name)) > 0 {
		return "", fmt.Errorf("%s is %s, which cannot be the name of %s: names consist of lower-case letters, digits, "+
			"\"-\" and \".\"", field, shown(name), kind)
	}
	return name, nil
}

// quantityOf reads one that must be above 0.
func quantityOf(field, text string) (resource.Quantity, error) {
	quantity, err := Quantity(text)
	if err != nil || quantity.Sign() <= 0 {
		return quantity, fmt.Errorf("%s is %s, which is no quantity of Kubernetes above 0, such as \"5Gi\"",
			field, shown(text))
	}
	return quantity, nil
}

// oneOf refuses a word that is none of those.
func oneOf(field, word string, words ...string) error {
	if slices.Contains(words, word) {
		return nil
	}
	return fmt.Errorf("%s is %s; it must be one of %s", field, shown(word), strings.Join(words, ", "))
}
