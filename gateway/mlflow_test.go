package main

import (
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/penstock/penstock/gateway/gen/mlflow"
	"github.com/penstock/penstock/gateway/limits"
)

const tracking = "/api/2.0/mlflow"

func TestPathsOfMLflowReachTheirRPC(t *testing.T) {
	g, fake := startBoth(t)
	tags := []*mlflow.KeyValue{{Key: "a", Value: proto.String("")}}
	for _, c := range []struct {
		method, path, body, rpc string
		request                 proto.Message
	}{
		{"POST", "/experiments/create", `{"name":"e","tags":[{"key":"a","value":""}],"description":"ignored"}`, "CreateExperiment",
			&mlflow.CreateExperimentRequest{Name: "e", Tags: tags}},
		{"POST", "/experiments/search", `{"max_results":5,"view_type":"ALL","order_by":["name"]}`, "SearchExperiments",
			&mlflow.SearchExperimentsRequest{MaxResults: proto.Int64(5), ViewType: mlflow.ViewType_ALL, OrderBy: []string{"name"}}},
		{"GET", "/experiments/search?max_results=0&view_type=ACTIVE_ONLY&order_by=a&order_by=b", "", "SearchExperiments",
			&mlflow.SearchExperimentsRequest{MaxResults: proto.Int64(0), ViewType: mlflow.ViewType_ACTIVE_ONLY,
				OrderBy: []string{"a", "b"}}},
		{"GET", "/experiments/get?experiment_id=0", "", "GetExperiment", &mlflow.GetExperimentRequest{ExperimentId: "0"}},
		{"GET", "/experiments/get-by-name?experiment_name=a%20b%2Fc", "", "GetExperimentByName",
			&mlflow.GetExperimentByNameRequest{ExperimentName: "a b/c"}},
		{"POST", "/experiments/update", `{"experiment_id":"1","new_name":"n"}`, "UpdateExperiment",
			&mlflow.UpdateExperimentRequest{ExperimentId: "1", NewName: proto.String("n")}},
		{"POST", "/experiments/delete", `{"experiment_id":"1"}`, "DeleteExperiment", &mlflow.DeleteExperimentRequest{ExperimentId: "1"}},
		{"POST", "/experiments/restore", `{"experiment_id":"1"}`, "RestoreExperiment", &mlflow.RestoreExperimentRequest{ExperimentId: "1"}},
		{"POST", "/experiments/set-experiment-tag", `{"experiment_id":"1","key":"k","value":"v"}`, "SetExperimentTag",
			&mlflow.SetExperimentTagRequest{ExperimentId: "1", Key: "k", Value: proto.String("v")}},
		{"POST", "/experiments/delete-experiment-tag", `{"experiment_id":"1","key":"k"}`, "DeleteExperimentTag",
			&mlflow.DeleteExperimentTagRequest{ExperimentId: "1", Key: "k"}},
		{"POST", "/experiments/search-datasets", `{"experiment_ids":["1"]}`, "SearchDatasets",
			&mlflow.SearchDatasetsRequest{ExperimentIds: []string{"1"}}},
		{"POST", "/runs/create", `{"experiment_id":"0","start_time":1700000000000,"tags":[{"key":"a","value":""}]}`, "CreateRun",
			&mlflow.CreateRunRequest{ExperimentId: "0", StartTime: proto.Int64(1700000000000), Tags: tags}},
		{"POST", "/runs/update", `{"run_id":"r","run_uuid":"r","status":"KILLED","end_time":0}`, "UpdateRun",
			&mlflow.UpdateRunRequest{RunId: "r", RunUuid: "r", Status: mlflow.RunStatus_KILLED, EndTime: proto.Int64(0)}},
		{"GET", "/runs/get?run_uuid=r&run_id=r", "", "GetRun", &mlflow.GetRunRequest{RunId: "r", RunUuid: "r"}},
		{"POST", "/runs/search", `{"experiment_ids":["0"],"filter":"a = 'b'","run_view_type":"ALL","max_results":7}`, "SearchRuns",
			&mlflow.SearchRunsRequest{ExperimentIds: []string{"0"}, Filter: "a = 'b'", RunViewType: mlflow.ViewType_ALL,
				MaxResults: proto.Int32(7)}},
		{"POST", "/runs/delete", `{"run_id":"r"}`, "DeleteRun", &mlflow.DeleteRunRequest{RunId: "r"}},
		{"POST", "/runs/restore", `{"run_id":"r"}`, "RestoreRun", &mlflow.RestoreRunRequest{RunId: "r"}},
		{"POST", "/runs/log-metric", `{"run_id":"r","key":"m","value":0,"step":0}`, "LogMetric",
			&mlflow.LogMetricRequest{RunId: "r", Key: "m", Value: proto.Float64(0), Step: proto.Int64(0)}},
		{"POST", "/runs/log-parameter", `{"run_id":"r","key":"p","value":""}`, "LogParameter",
			&mlflow.LogParameterRequest{RunId: "r", Key: "p", Value: proto.String("")}},
		{"POST", "/runs/log-batch", `{"run_id":"r","metrics":[],"params":null}`, "LogBatch", &mlflow.LogBatchRequest{RunId: "r"}},
		{"POST", "/runs/set-tag", `{"run_id":"r","key":"k","value":"v"}`, "SetTag",
			&mlflow.SetTagRequest{RunId: "r", Key: "k", Value: proto.String("v")}},
		{"POST", "/runs/delete-tag", `{"run_id":"r","key":"k"}`, "DeleteTag", &mlflow.DeleteTagRequest{RunId: "r", Key: "k"}},
		{"POST", "/runs/log-inputs", `{"run_id":"r","datasets":[{"dataset":{"name":"d"}}]}`, "LogInputs",
			&mlflow.LogInputsRequest{RunId: "r", Datasets: []*mlflow.DatasetInput{{Dataset: &mlflow.Dataset{Name: "d"}}}}},
		{"POST", "/runs/outputs", `{"run_id":"r","models":[{"model_id":"m","step":0}]}`, "LogOutputs",
			&mlflow.LogOutputsRequest{RunId: "r", Models: []*mlflow.ModelOutput{{ModelId: "m", Step: proto.Int64(0)}}}},
		{"POST", "/runs/log-model", `{"run_id":"r","model_json":"{}"}`, "LogModel", &mlflow.LogModelRequest{RunId: "r", ModelJson: "{}"}},
		{"GET", "/metrics/get-history?run_id=r&run_uuid=r&metric_key=a%2Fb&max_results=25000", "", "GetMetricHistory",
			&mlflow.GetMetricHistoryRequest{RunId: "r", RunUuid: "r", MetricKey: "a/b", MaxResults: proto.Int32(25000)}},
		{"GET", "/metrics/get-history-bulk-interval?run_ids=a&run_ids=b&metric_key=m&start_step=-1&end_step=9", "",
			"GetMetricHistoryBulkInterval", &mlflow.GetMetricHistoryBulkIntervalRequest{RunIds: []string{"a", "b"}, MetricKey: "m",
				StartStep: proto.Int64(-1), EndStep: proto.Int64(9)}},
		{"GET", "/artifacts/list?run_id=r&path=a%2Fb", "", "ListArtifacts", &mlflow.ListArtifactsRequest{RunId: "r", Path: "a/b"}},
	} {
		for _, prefix := range []string{tracking, "/ajax-api/2.0/mlflow"} {
			g.do(c.method, prefix+c.path, c.body).expect(t, 200, "{}")
			rpc, request, _ := fake.last()
			if rpc != c.rpc || !proto.Equal(request, c.request) {
				t.Errorf("%s %s reached %s with %v", c.method, c.path, rpc, request)
			}
		}
	}
}

func TestPathsOfMLflowsModelsReachTheirRPC(t *testing.T) {
	g, fake := startBoth(t)
	for _, c := range []struct {
		method, path, body, rpc string
		request                 proto.Message
	}{
		{"POST", "/logged-models", `{"experiment_id":"0","name":"m"}`, "CreateLoggedModel",
			&mlflow.CreateLoggedModelRequest{ExperimentId: "0", Name: "m"}},
		{"POST", "/logged-models/search", `{"order_by":[{"field_name":"name","ascending":false}]}`, "SearchLoggedModels",
			&mlflow.SearchLoggedModelsRequest{OrderBy: []*mlflow.SearchLoggedModelsRequest_OrderBy{
				{FieldName: "name", Ascending: proto.Bool(false)}}}},
		{"GET", "/logged-models/m-1", "", "GetLoggedModel", &mlflow.GetLoggedModelRequest{ModelId: "m-1"}},
		{"PATCH", "/logged-models/m-1", `{"model_id":"m-1","status":"LOGGED_MODEL_READY"}`, "FinalizeLoggedModel",
			&mlflow.FinalizeLoggedModelRequest{ModelId: "m-1", Status: mlflow.LoggedModelStatus_LOGGED_MODEL_READY}},
		{"DELETE", "/logged-models/m-1", `{"model_id":"m-1"}`, "DeleteLoggedModel", &mlflow.DeleteLoggedModelRequest{ModelId: "m-1"}},
		{"DELETE", "/logged-models/m-1", "", "DeleteLoggedModel", &mlflow.DeleteLoggedModelRequest{ModelId: "m-1"}},
		{"PATCH", "/logged-models/m-1/tags", `{"tags":[{"key":"a","value":"b"}]}`, "SetLoggedModelTags",
			&mlflow.SetLoggedModelTagsRequest{ModelId: "m-1", Tags: []*mlflow.KeyValue{{Key: "a", Value: proto.String("b")}}}},
		{"DELETE", "/logged-models/m-1/tags/a%2Fb", "", "DeleteLoggedModelTag",
			&mlflow.DeleteLoggedModelTagRequest{ModelId: "m-1", TagKey: "a/b"}},
		{"POST", "/logged-models/m-1/params", `{"params":[{"key":"a"}]}`, "LogLoggedModelParams",
			&mlflow.LogLoggedModelParamsRequest{ModelId: "m-1", Params: []*mlflow.KeyValue{{Key: "a"}}}},
		{"GET", "/logged-models/m-1/artifacts/directories?artifact_directory_path=d", "", "ListLoggedModelArtifacts",
			&mlflow.ListLoggedModelArtifactsRequest{ModelId: "m-1", ArtifactDirectoryPath: "d"}},
		{"POST", "/registered-models/create", `{"name":"n"}`, "CreateRegisteredModel", &mlflow.CreateRegisteredModelRequest{Name: "n"}},
		{"GET", "/registered-models/get?name=n", "", "GetRegisteredModel", &mlflow.GetRegisteredModelRequest{Name: "n"}},
		{"GET", "/registered-models/search?filter=name%3D%27n%27", "", "SearchRegisteredModels",
			&mlflow.SearchRegisteredModelsRequest{Filter: "name='n'"}},
		{"PATCH", "/registered-models/update", `{"name":"n","description":""}`, "UpdateRegisteredModel",
			&mlflow.UpdateRegisteredModelRequest{Name: "n", Description: proto.String("")}},
		{"POST", "/registered-models/rename", `{"name":"n","new_name":"o"}`, "RenameRegisteredModel",
			&mlflow.RenameRegisteredModelRequest{Name: "n", NewName: "o"}},
		{"DELETE", "/registered-models/delete", `{"name":"n"}`, "DeleteRegisteredModel", &mlflow.DeleteRegisteredModelRequest{Name: "n"}},
		{"POST", "/registered-models/get-latest-versions", `{"name":"n","stages":[]}`, "GetLatestVersions",
			&mlflow.GetLatestVersionsRequest{Name: "n"}},
		{"GET", "/registered-models/get-latest-versions?name=n&stages=None", "", "GetLatestVersions",
			&mlflow.GetLatestVersionsRequest{Name: "n", Stages: []string{"None"}}},
		{"POST", "/registered-models/alias", `{"name":"n","alias":"a","version":"1"}`, "SetRegisteredModelAlias",
			&mlflow.SetRegisteredModelAliasRequest{Name: "n", Alias: "a", Version: "1"}},
		{"GET", "/registered-models/alias?name=n&alias=a", "", "GetModelVersionByAlias",
			&mlflow.GetModelVersionByAliasRequest{Name: "n", Alias: "a"}},
		{"DELETE", "/registered-models/alias", `{"name":"n","alias":"a"}`, "DeleteRegisteredModelAlias",
			&mlflow.DeleteRegisteredModelAliasRequest{Name: "n", Alias: "a"}},
		{"POST", "/registered-models/set-tag", `{"name":"n","key":"k","value":"v"}`, "SetRegisteredModelTag",
			&mlflow.SetRegisteredModelTagRequest{Name: "n", Key: "k", Value: proto.String("v")}},
		{"DELETE", "/registered-models/delete-tag", `{"name":"n","key":"k"}`, "DeleteRegisteredModelTag",
			&mlflow.DeleteRegisteredModelTagRequest{Name: "n", Key: "k"}},
		{"POST", "/model-versions/create", `{"name":"n","source":"models:/m-1","model_id":"m-1"}`, "CreateModelVersion",
			&mlflow.CreateModelVersionRequest{Name: "n", Source: "models:/m-1", ModelId: "m-1"}},
		{"GET", "/model-versions/get?name=n&version=1", "", "GetModelVersion", &mlflow.GetModelVersionRequest{Name: "n", Version: "1"}},
		{"GET", "/model-versions/search?max_results=10", "", "SearchModelVersions",
			&mlflow.SearchModelVersionsRequest{MaxResults: proto.Int64(10)}},
		{"PATCH", "/model-versions/update", `{"name":"n","version":"1"}`, "UpdateModelVersion",
			&mlflow.UpdateModelVersionRequest{Name: "n", Version: "1"}},
		{"DELETE", "/model-versions/delete", `{"name":"n","version":"1"}`, "DeleteModelVersion",
			&mlflow.DeleteModelVersionRequest{Name: "n", Version: "1"}},
		{"GET", "/model-versions/get-download-uri?name=n&version=1", "", "GetModelVersionDownloadUri",
			&mlflow.GetModelVersionDownloadUriRequest{Name: "n", Version: "1"}},
		{"POST", "/model-versions/set-tag", `{"name":"n","version":"1","key":"k","value":"v"}`, "SetModelVersionTag",
			&mlflow.SetModelVersionTagRequest{Name: "n", Version: "1", Key: "k", Value: proto.String("v")}},
		{"DELETE", "/model-versions/delete-tag", `{"name":"n","version":"1","key":"k"}`, "DeleteModelVersionTag",
			&mlflow.DeleteModelVersionTagRequest{Name: "n", Version: "1", Key: "k"}},
	} {
		g.do(c.method, tracking+c.path, c.body).expect(t, 200, "{}")
		rpc, request, _ := fake.last()
		if rpc != c.rpc || !proto.Equal(request, c.request) {
			t.Errorf("%s %s reached %s with %v", c.method, c.path, rpc, request)
		}
	}
}

func TestMLflowAnswers(t *testing.T) {
	g, fake := startBoth(t)
	fake.answer = func(string, proto.Message) (proto.Message, error) {
		return &mlflow.GetRunResponse{Run: &mlflow.Run{Inputs: &mlflow.RunInputs{}, Info: &mlflow.RunInfo{
			RunId: "r", RunUuid: "r", Status: mlflow.RunStatus_RUNNING, StartTime: proto.Int64(1700000000000)}}}, nil
	}
	reply := g.do("GET", tracking+"/runs/get?run_id=r", "")
	reply.expect(t, 200)
	want := `{"run":{"info":{"run_id":"r","run_uuid":"r","status":"RUNNING","start_time":1700000000000},"inputs":{}}}`
	if reply.body != want || reply.header.Get("Content-Type") != "application/json" {
		t.Errorf("%v %s", reply.header, reply.body)
	}
}

func TestMLflowErrors(t *testing.T) {
	g, fake := startBoth(t)
	for code, want := range map[codes.Code]struct {
		httpCode int
		text     string
	}{
		codes.Canceled: {499, "CANCELLED"}, codes.Unknown: {500, "INTERNAL_ERROR"},
		codes.InvalidArgument: {400, "INVALID_PARAMETER_VALUE"}, codes.DeadlineExceeded: {504, "DEADLINE_EXCEEDED"},
		codes.NotFound: {404, "RESOURCE_DOES_NOT_EXIST"}, codes.AlreadyExists: {400, "RESOURCE_ALREADY_EXISTS"},
		codes.PermissionDenied: {403, "PERMISSION_DENIED"}, codes.ResourceExhausted: {429, "RESOURCE_EXHAUSTED"},
		codes.FailedPrecondition: {400, "INVALID_PARAMETER_VALUE"}, codes.Aborted: {503, "TEMPORARILY_UNAVAILABLE"},
		codes.OutOfRange: {400, "INVALID_PARAMETER_VALUE"}, codes.Unimplemented: {501, "NOT_IMPLEMENTED"},
		codes.Internal: {500, "INTERNAL_ERROR"}, codes.Unavailable: {503, "TEMPORARILY_UNAVAILABLE"},
		codes.DataLoss: {500, "DATA_LOSS"}, codes.Unauthenticated: {401, "UNAUTHENTICATED"},
	} {
		fake.answer = func(string, proto.Message) (proto.Message, error) { return nil, status.Error(code, `the "cause"`) }
		reply := g.do("POST", tracking+"/runs/log-batch", "{}")
		reply.expect(t, want.httpCode)
		if reply.body != `{"error_code":"`+want.text+`","message":"the \"cause\""}` {
			t.Errorf("%v: %s", code, reply.body)
		}
		if retry := reply.header.Get("Retry-After") != ""; retry != (want.httpCode == 503) {
			t.Errorf("%v: %v", code, reply.header)
		}
	}
	for reason, httpCode := range map[string]int{"INVALID_STATE": 500, "RESOURCE_CONFLICT": 409, "BAD_REQUEST": 400} {
		fake.answer = func(string, proto.Message) (proto.Message, error) {
			st, _ := status.New(codes.FailedPrecondition, "why").WithDetails(&errdetails.ErrorInfo{Domain: "mlflow", Reason: reason})
			return nil, st.Err()
		}
		g.do("POST", tracking+"/runs/log-batch", "{}").expect(t, httpCode, `{"error_code":"`+reason+`","message":"why"}`)
	}
	fake.answer = func(string, proto.Message) (proto.Message, error) {
		st, _ := status.New(codes.NotFound, "why").WithDetails(&errdetails.ErrorInfo{Domain: "other", Reason: "X"})
		return nil, st.Err()
	}
	g.do("GET", tracking+"/runs/get", "").expect(t, 404, "RESOURCE_DOES_NOT_EXIST")
}

func TestMLflowRequestsThatDoNotReachTheServer(t *testing.T) {
	g, fake := startBoth(t)
	for _, c := range []struct {
		method, path, body string
		httpCode           int
		code, text         string
	}{
		{"POST", tracking + "/runs/log-batch", `{"run_id":`, 400, "INVALID_PARAMETER_VALUE", "not the JSON of this call"},
		{"POST", tracking + "/runs/log-metric", `{"value":"much"}`, 400, "INVALID_PARAMETER_VALUE", "not the JSON of this call"},
		{"POST", tracking + "/runs/log-metric", `{"timestamp":9223372036854775808}`, 400, "INVALID_PARAMETER_VALUE", "timestamp"},
		{"POST", tracking + "/runs/update", `{"status":"DONE"}`, 400, "INVALID_PARAMETER_VALUE", "RUNNING, SCHEDULED"},
		{"GET", tracking + "/experiments/search?max_results=x", "", 400, "INVALID_PARAMETER_VALUE", "max_results"},
		{"GET", tracking + "/experiments/search?view_type=SOME", "", 400, "INVALID_PARAMETER_VALUE", "view_type"},
		{"GET", tracking + "/runs/get?run_id=%ff", "", 400, "INVALID_PARAMETER_VALUE", "UTF-8"},
		{"POST", tracking + "/runs/log-batch", `{"params":[0` + strings.Repeat(",0", limits.MaxJSONValues) + `]}`, 400,
			"INVALID_PARAMETER_VALUE", "1000000 JSON values"},
		{"POST", tracking + "/runs/nothing", "{}", 404, "ENDPOINT_NOT_FOUND", "/runs/nothing is not served"},
		{"GET", tracking + "/runs/create", "", 404, "ENDPOINT_NOT_FOUND", "GET"},
		{"GET", "/api/3.0/mlflow/traces", "", 404, "ENDPOINT_NOT_FOUND", "traces"},
		{"POST", "/ajax-api/3.0/mlflow/traces/search", "{}", 404, "ENDPOINT_NOT_FOUND", "traces"},
		{"GET", "/api/", "", 404, "ENDPOINT_NOT_FOUND", "is not served"},
		{"POST", "/api/3.0/mlflow/server-info", "", 404, "ENDPOINT_NOT_FOUND", "POST"},
	} {
		reply := g.do(c.method, c.path, c.body)
		reply.expect(t, c.httpCode, `"error_code":"`+c.code+`"`, c.text)
	}
	if rpc, _, _ := fake.last(); rpc != "" {
		t.Errorf("reached %s", rpc)
	}
}

func TestMLflowIsToldThatTheServerIsAway(t *testing.T) {
	g := newTestGateway(t, "unix:"+t.TempDir()+"/nobody")
	g.do("GET", tracking+"/runs/get?run_id=r", "").expect(t, 503, `"error_code":"TEMPORARILY_UNAVAILABLE"`, "cannot be reached")
	g.do("GET", "/health", "").expect(t, 503, "cannot be reached")
}

func TestWhatMLflowsClientsAskFirst(t *testing.T) {
	g, _ := startBoth(t)
	for path, want := range map[string]string{"/version": "t", "/health": "OK"} {
		reply := g.do("GET", path, "")
		if reply.expect(t, 200); reply.body != want || !strings.HasPrefix(reply.header.Get("Content-Type"), "text/plain") {
			t.Errorf("%v", reply)
		}
	}
	for _, path := range []string{"/api/3.0/mlflow/server-info", "/ajax-api/3.0/mlflow/server-info"} {
		g.do("GET", path, "").expect(t, 200, `"multipart_uploads_enabled":false`, `"multipart_downloads_enabled":false`,
			`"workspaces_enabled":false`, `"store_type":"SqlStore"`)
	}
}
