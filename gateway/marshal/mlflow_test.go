package marshal

import (
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/penstock/penstock/gateway/gen/mlflow"
)

func decode(text string, into proto.Message) error {
	return MLflow.NewDecoder(strings.NewReader(text)).Decode(into)
}

func TestMLflowRequests(t *testing.T) {
	metric := &mlflow.Metric{Key: "m", Value: proto.Float64(1.5), Timestamp: proto.Int64(1 << 52), Step: proto.Int64(0)}
	for text, want := range map[string]proto.Message{
		`{"run_id":"r","metrics":[{"key":"m","value":1.5,"timestamp":4503599627370496,"step":0}],"params":null}`: &mlflow.LogBatchRequest{
			RunId: "r", Metrics: []*mlflow.Metric{metric}},
		`{"metrics":[{"key":"m","value":"1.5","timestamp":"4503599627370496","step":"0"}]}`: &mlflow.LogBatchRequest{
			Metrics: []*mlflow.Metric{metric}},
		`{"key":"k","value":"-Infinity","new_field":{"a":[1]}}`: &mlflow.LogMetricRequest{Key: "k",
			Value: proto.Float64(math.Inf(-1))},
		`{"key":"k","value":"Infinity"}`:     &mlflow.LogMetricRequest{Key: "k", Value: proto.Float64(math.Inf(1))},
		`{"name":"e","description":"x"}`:     &mlflow.CreateExperimentRequest{Name: "e"},
		`{"status":"FINISHED"}`:              &mlflow.UpdateRunRequest{Status: mlflow.RunStatus_FINISHED},
		`{"status":3,"end_time":null}`:       &mlflow.UpdateRunRequest{Status: mlflow.RunStatus_FINISHED},
		`{"status":null,"run_name":""}`:      &mlflow.UpdateRunRequest{RunName: proto.String("")},
		` {"key":"k","value":"v","x":null} `: &mlflow.SetTagRequest{Key: "k", Value: proto.String("v")},
	} {
		got := want.ProtoReflect().New().Interface()
		if err := decode(text, got); err != nil || !proto.Equal(got, want) {
			t.Errorf("%s: %v %v", text, got, err)
		}
	}
	got := &mlflow.LogMetricRequest{}
	if err := decode(`{"value":"NaN"}`, got); err != nil || !math.IsNaN(got.GetValue()) {
		t.Errorf("%v %v", got, err)
	}
}

func TestMLflowRequestsThatAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		`{"status":"DONE"}`:       `status must be one of RUNNING, SCHEDULED, FINISHED, FAILED, KILLED, not "DONE"`,
		`{"status":"running"}`:    "status must be one of",
		`{"run_id":7}`:            "not the JSON of this call",
		`{"run_id":"a"} x`:        "not the JSON of this call",
		`{"run_id":`:              "not the JSON of this call",
		`[]`:                      "not the JSON of this call",
		`{"end_time":1.5}`:        "not the JSON of this call",
		`{"end_time":"tomorrow"}`: "not the JSON of this call",
	} {
		if err := decode(text, &mlflow.UpdateRunRequest{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, empty := range []string{"", " \n"} {
		if err := decode(empty, &mlflow.UpdateRunRequest{}); !errors.Is(err, io.EOF) {
			t.Errorf("%q: %v", empty, err)
		}
	}
}

func TestMLflowAnswers(t *testing.T) {
	answer := &mlflow.GetMetricHistoryResponse{Metrics: []*mlflow.Metric{
		{Key: "m", Value: proto.Float64(math.NaN()), Timestamp: proto.Int64(1 << 60), Step: proto.Int64(0)},
		{Key: "m", Value: proto.Float64(math.Inf(-1)), Step: proto.Int64(-1)}}}
	wire, _ := proto.Marshal(answer)
	unparsed := &mlflow.GetMetricHistoryResponse{}
	unparsed.ProtoReflect().SetUnknown(wire)
	text, err := MLflow.Marshal(unparsed)
	want := `{"metrics":[{"key":"m","value":"NaN","timestamp":1152921504606846976,"step":0},` +
		`{"key":"m","value":"-Infinity","step":-1}]}`
	if err != nil || string(text) != want {
		t.Errorf("%v %s", err, text)
	}
	if text, err = MLflow.Marshal(&mlflow.LogBatchResponse{}); err != nil || string(text) != "{}" {
		t.Errorf("%v %s", err, text)
	}
}
