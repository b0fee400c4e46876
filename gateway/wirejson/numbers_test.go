package wirejson

import (
	"encoding/json"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
)

func TestIntegersOf64BitsAsNumbers(t *testing.T) {
	of := everything(t)
	message := of.New().Interface()
	if err := prototext.Unmarshal([]byte(`one_int64: -9223372036854775808 perhaps_int64: 0 many_int64: [1, -2]
		by_int64 {key: "k" value: 3} one_uint64: 18446744073709551615 one_fixed64: 4 one_sfixed64: -5 one_sint64: -6
		one_int32: 7 one_double: nan one_float: inf one_string: "8"`), message); err != nil {
		t.Fatal(err)
	}
	wire, _ := proto.Marshal(message)
	text, err := AppendWithNumbers([]byte("before "), of, wire)
	if err != nil {
		t.Fatal(err)
	}
	rest, ok := strings.CutPrefix(string(text), "before ")
	var got map[string]json.RawMessage
	if err := json.Unmarshal([]byte(rest), &got); err != nil || !ok {
		t.Fatalf("%v: %s", err, text)
	}
	want := map[string]string{"one_int64": "-9223372036854775808", "perhaps_int64": "0", "many_int64": "[1,-2]",
		"by_int64": `{"k":3}`, "one_uint64": "18446744073709551615", "one_fixed64": "4", "one_sfixed64": "-5",
		"one_sint64": "-6", "one_int32": "7", "one_double": `"NaN"`, "one_float": `"Infinity"`, "one_string": `"8"`}
	for name, value := range want {
		if string(got[name]) != value {
			t.Errorf("%s: %s, want %s", name, got[name], value)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%s", rest)
	}
	// The writers are shared: the next one must not write numbers.
	plain, err := Append(nil, of, wire)
	if err != nil || !strings.Contains(string(plain), `"one_fixed64":"4"`) {
		t.Errorf("%v %s", err, plain)
	}
}
