package main

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/penstock/penstock/gateway/gen/kfp"
	"github.com/penstock/penstock/gateway/gen/mlflow"
	"github.com/penstock/penstock/gateway/gen/penstock"
)

type apiDocument struct {
	Swagger     string
	Paths       map[string]map[string]apiOperation
	Definitions map[string]any
}

type apiOperation struct {
	OperationID string `json:"operationId"`
	Consumes    []string
	Parameters  []struct {
		Name, In, Type, Format string
		Enum                   []string
		Schema                 map[string]any
	}
	Responses map[string]any
}

func documentOf(t *testing.T, g *testGateway) apiDocument {
	t.Helper()
	reply := g.do("GET", "/openapi.json", "")
	reply.expect(t, 200)
	var document apiDocument
	if err := json.Unmarshal([]byte(reply.body), &document); err != nil {
		t.Fatal(err)
	}
	for _, reference := range regexp.MustCompile(`#/definitions/(\w+)`).FindAllStringSubmatch(reply.body, -1) {
		if document.Definitions[reference[1]] == nil {
			t.Errorf("there is no definition %s", reference[1])
		}
	}
	return document
}

var pathVariable = regexp.MustCompile(`\{[^}]*\}`)

func TestEachPathOfTheDocumentAnswers(t *testing.T) {
	g, fake := startBoth(t)
	fake.readLog = func(*penstock.ReadTaskLogRequest, grpc.ServerStreamingServer[penstock.LogChunk]) error { return nil }
	fake.readArtifact = func(_ *penstock.ReadArtifactRequest, s grpc.ServerStreamingServer[penstock.ArtifactChunk]) error {
		return s.Send(&penstock.ArtifactChunk{Data: []byte("x"), SizeBytes: proto.Int64(1)})
	}
	fake.files.read = func(_ *mlflow.ReadArtifactRequest, s grpc.ServerStreamingServer[mlflow.ReadArtifactChunk]) error {
		return s.Send(&mlflow.ReadArtifactChunk{Data: []byte("x")})
	}
	fake.files.write = func(s fileStream) error { return s.SendAndClose(&mlflow.WriteArtifactResponse{}) }
	fake.exportRun = func(*penstock.ExportRunRequest, exportStream) error { return nil }
	fake.importRun = func(s importStream) error { return s.SendAndClose(&penstock.ImportRunResponse{}) }
	fake.answer = func(method string, request proto.Message) (proto.Message, error) {
		if method == "ListPipelineVersions" {
			return &kfp.ListPipelineVersionsResponse{PipelineVersions: []*kfp.PipelineVersion{{}}}, nil
		}
		return nil, nil
	}
	operations := map[string]string{}
	for path, methods := range documentOf(t, g).Paths {
		for method, operation := range methods {
			if other := operations[operation.OperationID]; other != "" || operation.OperationID == "" {
				t.Errorf("%s %s and %s have the operation id %q", method, path, other, operation.OperationID)
			}
			operations[operation.OperationID] = method + " " + path
			query, body, headers := exampleOf(operation)
			reply := g.do(strings.ToUpper(method), pathVariable.ReplaceAllString(strings.Replace(path, "{number}", "1", 1), "x")+query, body, headers...)
			want := 200
			if operation.Responses["200"] == nil {
				want = 501
			}
			if reply.code != want {
				t.Errorf("%s %s: %d %s", method, path, reply.code, reply.body)
			}
		}
	}
}

func exampleOf(operation apiOperation) (query, body string, headers []string) {
	query = "?"
	for _, parameter := range operation.Parameters {
		switch {
		case parameter.In == "query" && parameter.Type == "string" && parameter.Name != "tags" &&
			!strings.Contains(parameter.Name, "periodic_schedule"):
			value := "x"
			if len(parameter.Enum) > 0 {
				value = parameter.Enum[len(parameter.Enum)-1]
			}
			if parameter.Format == "int64" {
				value = "7"
			}
			if parameter.Format == "date-time" {
				value = "2030-01-02T03:04:05Z"
			}
			query += parameter.Name + "=" + value + "&"
		case parameter.In == "body":
			body = "{}"
			if parameter.Schema["type"] == "string" {
				body = `"{}"`
			}
		}
	}
	if len(operation.Consumes) > 0 && operation.Consumes[0] == "multipart/form-data" {
		body = "--b\r\nContent-Disposition: form-data; name=\"uploadfile\"; filename=\"a.yaml\"\r\n\r\nx\r\n--b--\r\n"
		headers = []string{"Content-Type", "multipart/form-data; boundary=b"}
	}
	return query, body, headers
}

// A path variable that is bound to a field of a field has the name of the inner one in the document.
var fieldPath = regexp.MustCompile(`\{[a-z_]+\.([a-z_]+)\}`)

func TestEachRouteIsInTheDocument(t *testing.T) {
	g, _ := startBoth(t)
	document := documentOf(t, g)
	expect := func(method, path string) {
		t.Helper()
		if _, ok := document.Paths[path][strings.ToLower(method)]; !ok {
			t.Errorf("%s %s is not in the document", method, path)
		}
	}
	for _, call := range g.routes.Calls() {
		method, path, _ := strings.Cut(call, " ")
		expect(method, path)
	}
	for _, file := range []protoreflect.FileDescriptor{kfp.File_kubeflow_pipelines_v2beta1_experiment_proto,
		kfp.File_kubeflow_pipelines_v2beta1_artifact_proto, kfp.File_kubeflow_pipelines_v2beta1_pipeline_proto,
		kfp.File_kubeflow_pipelines_v2beta1_recurring_run_proto, kfp.File_kubeflow_pipelines_v2beta1_report_proto,
		kfp.File_kubeflow_pipelines_v2beta1_run_proto, mlflow.File_mlflow_model_registry_proto,
		mlflow.File_mlflow_tracking_proto} {
		methods := file.Services().Get(0).Methods()
		for i := range methods.Len() {
			rule := proto.GetExtension(methods.Get(i).Options(), annotations.E_Http).(*annotations.HttpRule)
			for _, one := range append([]*annotations.HttpRule{rule}, rule.GetAdditionalBindings()...) {
				for method, path := range map[string]string{"GET": one.GetGet(), "POST": one.GetPost(),
					"PATCH": one.GetPatch(), "DELETE": one.GetDelete(), "PUT": one.GetPut()} {
					if path != "" {
						expect(method, fieldPath.ReplaceAllString(path, "{$1}"))
					}
				}
			}
		}
	}
}

func TestTheDocumentSaysHowMLflowsAPIDiffers(t *testing.T) {
	g, _ := startBoth(t)
	document := documentOf(t, g)
	typeOf := func(definition, field string) any {
		fields := document.Definitions[definition].(map[string]any)["properties"].(map[string]any)
		return fields[field].(map[string]any)["type"]
	}
	if got := typeOf("mlflowMetric", "step"); got != "integer" {
		t.Errorf("a step is %v", got)
	}
	if got := typeOf("v2beta1RecurringRun", "max_concurrency"); got != "string" {
		t.Errorf("max_concurrency is %v", got)
	}
	for path, methods := range document.Paths {
		for method, operation := range methods {
			text, _ := json.Marshal(operation.Responses["default"])
			if strings.HasPrefix(path, "/api/") != strings.Contains(string(text), "mlflowError") {
				t.Errorf("%s %s fails with %s", method, path, text)
			}
		}
	}
}
