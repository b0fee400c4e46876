package guard

import (
	"encoding/json"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/penstock/penstock/gateway/gen/kfp"
)

func nestedObjects(depth int) string {
	return strings.Repeat(`{"k":`, depth) + `{}` + strings.Repeat(`}`, depth)
}

// The levels were checked against the C++ library: it reads 100 and refuses 101.
func TestNesting(t *testing.T) {
	lists := func(depth int) string {
		text, _ := json.Marshal(map[string]any{})
		for range depth {
			text = append(append([]byte("["), text...), ']')
		}
		return `{"k":` + string(text) + `}`
	}
	for _, c := range []struct {
		spec string
		fits bool
	}{
		{nestedObjects(32), true},
		{nestedObjects(33), false},
		{lists(47), true},
		{lists(48), false},
	} {
		spec := &structpb.Struct{}
		if err := protojson.Unmarshal([]byte(c.spec), spec); err != nil {
			t.Fatal(err)
		}
		for _, request := range []any{
			&kfp.CreateRunRequest{Run: &kfp.Run{PipelineSource: &kfp.Run_PipelineSpec{PipelineSpec: spec}}},
		} {
			if err := CheckNesting(request); (err == nil) != c.fits {
				t.Errorf("%.20s...: %v", c.spec, err)
			}
		}
	}
	inMap := &kfp.CreateRunRequest{Run: &kfp.Run{RuntimeConfig: &kfp.RuntimeConfig{
		Parameters: map[string]*structpb.Value{"p": structpb.NewStringValue("x")}}}}
	if err := CheckNesting(inMap); err != nil {
		t.Error(err)
	}
}
