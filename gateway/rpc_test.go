package main

import (
	"encoding/json"
	"math"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"testing"

	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/penstock/penstock/gateway/gen/kfp"
	"github.com/penstock/penstock/gateway/gen/penstock"
	"github.com/penstock/penstock/gateway/limits"
)

const api = "/apis/v2beta1"

func TestRPCAnswersWithTheJSONOfKubeflowPipelines(t *testing.T) {
	g, fake := startBoth(t)
	fake.answer = func(string, proto.Message) (proto.Message, error) {
		return &kfp.ListRecurringRunsResponse{RecurringRuns: []*kfp.RecurringRun{{
			RecurringRunId: "r", MaxConcurrency: 3, Mode: kfp.RecurringRun_ENABLE, Trigger: &kfp.Trigger{},
			CreatedAt: &timestamppb.Timestamp{Seconds: 0},
		}}, TotalSize: 1}, nil
	}
	reply := g.do("GET", api+"/recurringruns", "")
	reply.expect(t, 200)
	var got, want any
	if err := json.Unmarshal([]byte(reply.body), &got); err != nil {
		t.Fatal(err)
	}
	_ = json.Unmarshal([]byte(`{"recurringRuns":[{"recurring_run_id":"r","max_concurrency":"3","mode":"ENABLE",
		"trigger":{},"created_at":"1970-01-01T00:00:00Z"}],"total_size":1}`), &want)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %s", reply.body)
	}
	if reply.header.Get("Content-Type") != "application/json" {
		t.Errorf("content type %q", reply.header.Get("Content-Type"))
	}
}

func TestEmptyAnswerIsAnEmptyObject(t *testing.T) {
	g, _ := startBoth(t)
	g.do("POST", api+"/runs/x:archive", "").expect(t, 200, "{}")
}

func TestPathsReachTheirRPC(t *testing.T) {
	g, fake := startBoth(t)
	for _, c := range []struct {
		method, path, body, rpc string
		request                 proto.Message
	}{
		{"POST", "/pipelines", `{"name":"n"}`, "CreatePipeline",
			&kfp.CreatePipelineRequest{Pipeline: &kfp.Pipeline{Name: "n"}}},
		{"POST", "/pipelines/create", `{"pipeline":{"name":"n"}}`, "CreatePipelineAndVersion",
			&kfp.CreatePipelineAndVersionRequest{Pipeline: &kfp.Pipeline{Name: "n"}}},
		{"GET", "/pipelines/names/a%20b?namespace=n", "", "GetPipelineByName",
			&kfp.GetPipelineByNameRequest{Name: "a b", Namespace: "n"}},
		{"GET", "/pipelines/names/versions", "", "GetPipelineByName", &kfp.GetPipelineByNameRequest{Name: "versions"}},
		{"GET", "/pipelines/names/a:b", "", "GetPipelineByName", &kfp.GetPipelineByNameRequest{Name: "a:b"}},
		{"GET", "/pipelines/p/versions", "", "ListPipelineVersions", &kfp.ListPipelineVersionsRequest{PipelineId: "p"}},
		{"GET", "/pipelines/p/versions/v", "", "GetPipelineVersion",
			&kfp.GetPipelineVersionRequest{PipelineId: "p", PipelineVersionId: "v"}},
		{"DELETE", "/pipelines/p?cascade=T", "", "DeletePipeline", &kfp.DeletePipelineRequest{PipelineId: "p", Cascade: true}},
		{"PATCH", "/pipelines/p", `{"display_name":"d"}`, "UpdatePipeline",
			&kfp.UpdatePipelineRequest{Pipeline: &kfp.Pipeline{PipelineId: "p", DisplayName: "d"}}},
		{"GET", "/runs?page_token=&page_size=10&sort_by=&unknown=1", "", "ListRuns", &kfp.ListRunsRequest{PageSize: 10}},
		{"GET", "/runs?pageSize=7", "", "ListRuns", &kfp.ListRunsRequest{PageSize: 7}},
		{"GET", "/runs?filter=" + url.QueryEscape(`{"a":"%2B+1"}`), "", "ListRuns",
			&kfp.ListRunsRequest{Filter: `{"a":"%2B+1"}`}},
		{"POST", "/runs/r:terminate", "", "TerminateRun", &kfp.TerminateRunRequest{RunId: "r"}},
		{"POST", "/runs/r:retry", "{}", "RetryRun", &kfp.RetryRunRequest{RunId: "r"}},
		{"POST", "/experiments/e:unarchive", "", "UnarchiveExperiment", &kfp.UnarchiveExperimentRequest{ExperimentId: "e"}},
		{"POST", "/recurringruns", `{"maxConcurrency":"2","mode":1,"no_catchup":null}`, "CreateRecurringRun",
			&kfp.CreateRecurringRunRequest{RecurringRun: &kfp.RecurringRun{MaxConcurrency: 2, Mode: kfp.RecurringRun_ENABLE}}},
		{"DELETE", "/recurringruns/r?propagation_policy=ORPHAN", "", "DeleteRecurringRun",
			&kfp.DeleteRecurringRunRequest{RecurringRunId: "r", PropagationPolicy: kfp.DeletePropagationPolicy_ORPHAN}},
		{"POST", "/workflows", `"{\"kind\":\"Workflow\"}"`, "ReportWorkflow",
			&kfp.ReportWorkflowRequest{Workflow: `{"kind":"Workflow"}`}},
		{"GET", "/apis/penstock/v1/runs/r/status?task=train&unfinished_only=true", "", "GetRunStatus",
			&penstock.GetRunStatusRequest{RunId: "r", Task: "train", UnfinishedOnly: true}},
		{"GET", "/apis/penstock/v1/runs/r/tasks/t/attempts?page_size=5", "", "ListAttemptRecords",
			&penstock.ListAttemptRecordsRequest{RunId: "r", TaskId: "t", PageSize: 5}},
		{"GET", "/apis/penstock/v1/runs/r/tasks/t/attempts/2", "", "GetAttemptRecord",
			&penstock.GetAttemptRecordRequest{RunId: "r", TaskId: "t", Number: 2}},
		{"GET", "/apis/penstock/v1/runs:compare?run_ids=a&run_ids=b&all=true", "", "CompareRuns",
			&penstock.CompareRunsRequest{RunIds: []string{"a", "b"}, All: true}},
		{"POST", "/apis/penstock/v1/runs/r:rerun", `{"display_name":"d"}`, "RerunRun",
			&penstock.RerunRunRequest{RunId: "r", DisplayName: "d"}},
		{"GET", "/apis/penstock/v1/contentremovals?page_size=5&sort_by=run_id", "", "ListContentRemovals",
			&penstock.ListContentRemovalsRequest{PageSize: 5, SortBy: "run_id"}},
		{"GET", "/apis/penstock/v1/contentremovals/r", "", "GetContentRemoval",
			&penstock.GetContentRemovalRequest{RunId: "r"}},
		{"POST", "/apis/penstock/v1/retentionpolicies", `{"experiment_id":"e","max_runs":"3"}`, "SetRetentionPolicy",
			&penstock.SetRetentionPolicyRequest{Policy: &penstock.RetentionPolicy{ExperimentId: "e", MaxRuns: 3}}},
		{"GET", "/apis/penstock/v1/retentionpolicies?page_size=5", "", "ListRetentionPolicies",
			&penstock.ListRetentionPoliciesRequest{PageSize: 5}},
		{"GET", "/apis/penstock/v1/retentionpolicies/experiment.e", "", "GetRetentionPolicy",
			&penstock.GetRetentionPolicyRequest{PolicyId: "experiment.e"}},
		{"DELETE", "/apis/penstock/v1/retentionpolicies/namespace.", "", "DeleteRetentionPolicy",
			&penstock.DeleteRetentionPolicyRequest{PolicyId: "namespace."}},
		{"POST", "/apis/penstock/v1/retentionpolicies/experiment.e:preview", `{"count":7}`, "PreviewRetentionPolicy",
			&penstock.PreviewRetentionPolicyRequest{PolicyId: "experiment.e", Count: 7}},
		{"POST", "/apis/penstock/v1/retentionpolicies:preview", `{"policy":{"max_runs":"3"}}`, "PreviewRetentionPolicy",
			&penstock.PreviewRetentionPolicyRequest{Policy: &penstock.RetentionPolicy{MaxRuns: 3}}},
		{"GET", "/apis/penstock/v1/runs/r/rerun_report?original_run_id=o", "", "GetRerunReport",
			&penstock.GetRerunReportRequest{RunId: "r", OriginalRunId: "o"}},
	} {
		path := api + c.path
		if strings.HasPrefix(c.path, "/apis/") {
			path = c.path
		}
		g.do(c.method, path, c.body).expect(t, 200)
		rpc, request, _ := fake.last()
		if rpc != c.rpc || !proto.Equal(request, c.request) {
			t.Errorf("%s %s reached %s with %v", c.method, c.path, rpc, request)
		}
	}
}

func TestPathsOfTasksAndArtifactsReachTheirRPC(t *testing.T) {
	g, fake := startBoth(t)
	view := kfp.GetRunRequest_FULL
	task := &kfp.PipelineTask{Name: "n", State: kfp.PipelineTask_RUNNING}
	artifact := &kfp.CreateArtifactRequest{Artifact: &kfp.Artifact{Name: "n", Type: kfp.ArtifactTypes_Model}, RunId: "r"}
	link := &kfp.ArtifactTask{ArtifactId: "a", Type: kfp.IOType_OUTPUT}
	for _, c := range []struct {
		method, path, body, rpc string
		request                 proto.Message
	}{
		{"GET", "/runs/r?view=FULL", "", "GetRun", &kfp.GetRunRequest{RunId: "r", View: &view}},
		{"GET", "/runs?view=1", "", "ListRuns", &kfp.ListRunsRequest{View: &view}},
		{"POST", "/runs/r/tasks", `{"name":"n","state":"RUNNING"}`, "CreateTask", &kfp.CreateTaskRequest{RunId: "r", Task: task}},
		{"PATCH", "/runs/r/tasks/t", `{"name":"n","state":1}`, "UpdateTask",
			&kfp.UpdateTaskRequest{RunId: "r", TaskId: "t", Task: task}},
		{"POST", "/runs/r/tasks:batchUpdate", `{"tasks":{"t":{"name":"n","state":"RUNNING"}}}`, "UpdateTasksBulk",
			&kfp.UpdateTasksBulkRequest{RunId: "r", Tasks: map[string]*kfp.PipelineTask{"t": task}}},
		{"GET", "/runs/r/tasks/t", "", "GetTask", &kfp.GetTaskRequest{RunId: "r", TaskId: "t"}},
		{"GET", "/runs/r/tasks?parent_id=p&page_size=200&page_token=&filter=&order_by=create_time%20asc", "", "ListTasks",
			&kfp.ListTasksRequest{RunId: "r", ParentFilter: &kfp.ListTasksRequest_ParentId{ParentId: "p"}, PageSize: 200,
				OrderBy: "create_time asc"}},
		{"POST", "/tasks:findCached", `{"cache_fingerprint":"f"}`, "FindCachedTask",
			&kfp.FindCachedTaskRequest{CacheFingerprint: "f"}},
		{"GET", "/artifacts?page_size=3&sort_by=created_at%20desc", "", "ListArtifacts",
			&kfp.ListArtifactsRequest{PageSize: 3, SortBy: "created_at desc"}},
		{"GET", "/artifacts/a:b", "", "GetArtifact", &kfp.GetArtifactRequest{ArtifactId: "a:b"}},
		{"POST", "/artifacts", `{"artifact":{"name":"n","type":"Model"},"run_id":"r"}`, "CreateArtifact", artifact},
		{"POST", "/artifacts:batchCreate", `{"artifacts":[{"artifact":{"name":"n","type":"Model"},"run_id":"r"}]}`,
			"CreateArtifactsBulk", &kfp.CreateArtifactsBulkRequest{Artifacts: []*kfp.CreateArtifactRequest{artifact}}},
		{"GET", "/artifact_tasks?artifact_ids=a&artifact_ids=b&type=OUTPUT", "", "ListArtifactTasks",
			&kfp.ListArtifactTasksRequest{ArtifactIds: []string{"a", "b"}, Type: kfp.IOType_OUTPUT}},
		{"POST", "/artifact_tasks", `{"artifact_id":"a","type":"OUTPUT"}`, "CreateArtifactTask",
			&kfp.CreateArtifactTaskRequest{ArtifactTask: link}},
		{"POST", "/artifact_tasks:batchCreate", `{"artifact_tasks":[{"artifact_id":"a","type":"OUTPUT"}]}`,
			"CreateArtifactTasksBulk", &kfp.CreateArtifactTasksBulkRequest{ArtifactTasks: []*kfp.ArtifactTask{link}}},
	} {
		g.do(c.method, api+c.path, c.body).expect(t, 200)
		rpc, request, _ := fake.last()
		if rpc != c.rpc || !proto.Equal(request, c.request) {
			t.Errorf("%s %s reached %s with %v", c.method, c.path, rpc, request)
		}
	}
}

func TestPathsOfMetadataReachTheirRPC(t *testing.T) {
	g, fake := startBoth(t)
	owner := &penstock.MetadataOwner{RunId: "r", TaskId: "t"}
	first := int64(-3)
	note := "n"
	for _, c := range []struct {
		method, path, body, rpc string
		request                 proto.Message
	}{
		{"POST", "/runs/r/metrics", `{"task_id":"t","points":[{"name":"loss","value":"NaN","step":"7"}]}`, "LogMetrics",
			&penstock.LogMetricsRequest{RunId: "r", TaskId: "t",
				Points: []*penstock.LogMetricsRequest_Point{{Name: "loss", Value: math.NaN(), Step: 7}}}},
		{"GET", "/runs/r/metrics?name=loss", "", "ListMetrics", &penstock.ListMetricsRequest{RunId: "r", Name: "loss"}},
		{"GET", "/runs/r/metrics:read?name=a/b&from_step=-3&sample=10", "", "ReadMetric",
			&penstock.ReadMetricRequest{RunId: "r", Name: "a/b", FromStep: &first, Sample: 10}},
		{"GET", "/runs/r/classification_metrics", "", "ListClassificationMetrics",
			&penstock.ListClassificationMetricsRequest{RunId: "r"}},
		{"POST", "/runs:search", `{"filter":"metrics.m > 1","order_by":["metrics.m DESC"]}`, "SearchRuns",
			&penstock.SearchRunsRequest{Filter: "metrics.m > 1", OrderBy: []string{"metrics.m DESC"}}},
		{"GET", "/runs/r/tasks/t/log:search?text=a%20b&attempt=2", "", "SearchTaskLog",
			&penstock.SearchTaskLogRequest{RunId: "r", TaskId: "t", Text: "a b", Attempt: 2}},
		{"GET", "/artifacts/a/contents?path=b/c", "", "ListArtifactContents",
			&penstock.ListArtifactContentsRequest{ArtifactId: "a", Path: "b/c"}},
		{"GET", "/artifacts/a/lineage?direction=UP", "", "GetLineage",
			&penstock.GetLineageRequest{ArtifactId: "a", Direction: penstock.GetLineageRequest_UP}},
		{"GET", "/artifacts/a/runs", "", "ListArtifactRuns", &penstock.ListArtifactRunsRequest{ArtifactId: "a"}},
		{"GET", "/runs/r/artifacts?type=system.Model", "", "ListRunArtifacts",
			&penstock.ListRunArtifactsRequest{RunId: "r", Type: "system.Model"}},
		{"GET", "/user_metadata?owner.run_id=r&owner.task_id=t", "", "GetUserMetadata",
			&penstock.GetUserMetadataRequest{Owner: owner}},
		{"PATCH", "/user_metadata", `{"owner":{"run_id":"r","task_id":"t"},"set":{"k":1},"note":"n"}`, "UpdateUserMetadata",
			&penstock.UpdateUserMetadataRequest{Owner: owner, Note: &note,
				Set: map[string]*structpb.Value{"k": structpb.NewNumberValue(1)}}},
		{"POST", "/user_metadata:find", `{"kind":"TASK","key":"k"}`, "FindByUserMetadata",
			&penstock.FindByUserMetadataRequest{Kind: penstock.FindByUserMetadataRequest_TASK, Key: "k"}},
	} {
		g.do(c.method, "/apis/penstock/v1"+c.path, c.body).expect(t, 200)
		rpc, request, _ := fake.last()
		if rpc != c.rpc || !proto.Equal(request, c.request) {
			t.Errorf("%s %s reached %s with %v", c.method, c.path, rpc, request)
		}
	}
}

func TestPathsOfSchedulesReachTheirRPC(t *testing.T) {
	g, fake := startBoth(t)
	trigger := &kfp.Trigger{Trigger: &kfp.Trigger_CronSchedule{CronSchedule: &kfp.CronSchedule{Cron: "@daily"}}}
	zone := "Asia/Tokyo"
	for _, c := range []struct {
		method, path, body, rpc string
		request                 proto.Message
	}{
		{"POST", "?time_zone=Asia/Tokyo&force=true", `{"display_name":"d"}`, "CreateSchedule",
			&penstock.CreateScheduleRequest{RecurringRun: &kfp.RecurringRun{DisplayName: "d"}, TimeZone: zone, Force: true}},
		{"GET", "/r", "", "GetSchedule", &penstock.GetScheduleRequest{RecurringRunId: "r"}},
		{"PATCH", "/r?time_zone=Asia/Tokyo", `{"display_name":"d"}`, "UpdateRecurringRun",
			&penstock.UpdateRecurringRunRequest{RecurringRun: &kfp.RecurringRun{RecurringRunId: "r", DisplayName: "d"},
				UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"display_name"}}, TimeZone: &zone}},
		{"GET", "/r:preview?count=3", "", "PreviewSchedule", &penstock.PreviewScheduleRequest{RecurringRunId: "r", Count: 3}},
		{"POST", ":preview", `{"trigger":{"cron_schedule":{"cron":"@daily"}},"time_zone":"Asia/Tokyo"}`, "PreviewSchedule",
			&penstock.PreviewScheduleRequest{Trigger: trigger, TimeZone: zone}},
		{"GET", "/r/ticks?page_size=5", "", "ListScheduleTicks",
			&penstock.ListScheduleTicksRequest{RecurringRunId: "r", PageSize: 5}},
	} {
		g.do(c.method, "/apis/penstock/v1/recurringruns"+c.path, c.body).expect(t, 200)
		rpc, request, _ := fake.last()
		if rpc != c.rpc || !proto.Equal(request, c.request) {
			t.Errorf("%s %s reached %s with %v", c.method, c.path, rpc, request)
		}
	}
}

func TestBadRequestsDoNotReachTheServer(t *testing.T) {
	g, fake := startBoth(t)
	for _, c := range []struct {
		method, path, body string
		code               int
		text               string
	}{
		{"POST", "/runs", `{"no_such_field":1}`, 400, "no_such_field"},
		{"POST", "/runs", `{"run_id":`, 400, `"code":3`},
		{"POST", "/runs", `{"display_name":7}`, 400, `"code":3`},
		{"POST", "/runs", `{"pipeline_spec":{},"pipeline_version_reference":{}}`, 400, "oneof"},
		{"GET", "/runs?page_size=", "", 400, `"code":3`},
		{"GET", "/runs?page_size=x", "", 400, "page_size"},
		{"POST", "/runs", `{"pipeline_spec":` + nestedObjects(40) + `}`, 400, "nested too deeply"},
		{"POST", "/runs", `{"pipeline_spec":` + nestedObjects(5000) + `}`, 400, `"code":3`},
		{"POST", "/runs", `{"pipeline_spec":{"k":[0` + strings.Repeat(",0", limits.MaxJSONValues) + `]}}`, 400, "1000000 JSON values"},
		{"PUT", "/runs/x", "", 501, `"code":12`},
		{"DELETE", "/pipelines/names/x", "", 501, `"code":12`},
		{"GET", "/nothing", "", 404, "Not Found"},
		{"GET", "/auth", "", 404, "Not Found"},
		{"GET", "/filters", "", 404, "Not Found"},
	} {
		reply := g.do(c.method, api+c.path, c.body)
		reply.expect(t, c.code, c.text)
		if reply.header.Get("Content-Type") != "application/json" || strings.Contains(reply.body, "\u00a0") {
			t.Errorf("%s %s: %v %s", c.method, c.path, reply.header, reply.body)
		}
	}
	g.do("GET", "/apis/v1beta1/runs", "").expect(t, 404, `"message":"Not Found"`)
	g.do("GET", "/elsewhere", "").expect(t, 404, `"code":5`)
	if rpc, _, _ := fake.last(); rpc != "" {
		t.Errorf("reached %s", rpc)
	}
}

func nestedObjects(depth int) string {
	return strings.Repeat(`{"k":`, depth) + `{}` + strings.Repeat(`}`, depth)
}

func TestDeclaredSizeOverTheLimitIsRefusedUnread(t *testing.T) {
	g, _ := startBoth(t)
	r := httptest.NewRequest("POST", "http://localhost"+api+"/runs", strings.NewReader("{}"))
	r.ContentLength = limits.MaxJSONBodyBytes + 1
	recorder := httptest.NewRecorder()
	g.handler.ServeHTTP(recorder, r)
	reply{recorder.Code, recorder.Header(), recorder.Body.String()}.expect(t, 413, `"code":3`, "67108864 bytes")
}

func TestErrorBody(t *testing.T) {
	g, fake := startBoth(t)
	detail, _ := anypb.New(&spb.Status{Code: 6, Message: "for users"})
	fake.answer = func(string, proto.Message) (proto.Message, error) {
		return nil, status.FromProto(&spb.Status{Code: 6, Message: "outer: inner", Details: []*anypb.Any{
			{TypeUrl: "type.googleapis.com/no.such.Type", Value: []byte("x")}, detail,
		}}).Err()
	}
	reply := g.do("POST", api+"/experiments", `{"display_name":"x"}`)
	reply.expect(t, 409)
	var got, want any
	_ = json.Unmarshal([]byte(reply.body), &got)
	_ = json.Unmarshal([]byte(`{"code":6,"message":"outer: inner","details":[
		{"@type":"type.googleapis.com/google.rpc.Status","code":6,"message":"for users"}]}`), &want)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %s", reply.body)
	}
}

func TestErrorCodes(t *testing.T) {
	g, fake := startBoth(t)
	want := map[codes.Code]int{1: 499, 2: 500, 3: 400, 4: 504, 5: 404, 6: 409, 7: 403, 8: 429, 9: 400, 10: 409, 11: 400,
		12: 501, 13: 500, 14: 503, 15: 500, 16: 401}
	for code, httpCode := range want {
		fake.answer = func(string, proto.Message) (proto.Message, error) { return nil, status.Error(code, "the cause") }
		reply := g.do("GET", api+"/runs/x", "")
		reply.expect(t, httpCode, "the cause")
		if code == codes.Unauthenticated && reply.header.Get("WWW-Authenticate") == "" {
			t.Error("no WWW-Authenticate")
		}
	}
}

func TestOnlySomeHeadersAreForwarded(t *testing.T) {
	g, fake := startBoth(t, "--user_id_header", "X-My-User")
	g.do("GET", api+"/runs", "", "X-My-User", "me", "Authorization", "Bearer b", "X-Clear-Tags", "true",
		"Grpc-Metadata-Secret", "s", "X-Other", "o")
	_, _, md := fake.last()
	for key, want := range map[string]string{"x-my-user": "me", "authorization": "Bearer b", "x-clear-tags": "true"} {
		if got := md.Get(key); len(got) != 1 || got[0] != want {
			t.Errorf("%s: %v", key, got)
		}
	}
	if len(md.Get("secret")) > 0 || len(md.Get("grpc-metadata-secret")) > 0 || len(md.Get("x-other")) > 0 {
		t.Errorf("forwarded too much: %v", md)
	}
}

func TestClearTags(t *testing.T) {
	g, fake := startBoth(t)
	for body, want := range map[string]bool{
		`{"tags":{}}`:                   true,
		`{ "tags" : {  } , "name":"x"}`: true,
		`{"tags":{"a":"b"}}`:            false,
		`{"tags":null}`:                 false,
		`{"name":"x"}`:                  false,
		`{"name":"\"tags\":{}"}`:        false,
	} {
		for _, path := range []string{"/pipelines/p", "/pipelines/p/versions/v"} {
			g.do("PATCH", api+path, body).expect(t, 200)
			_, _, md := fake.last()
			if got := len(md.Get("x-clear-tags")) == 1; got != want {
				t.Errorf("%s %s: %v", path, body, got)
			}
		}
	}
	g.do("PATCH", api+"/pipelines/p", `{"tags":{}`).expect(t, 400, `"code":3`)
}

func TestServerAwayAndBack(t *testing.T) {
	path := t.TempDir() + "/s"
	g := newTestGateway(t, "unix:"+path)
	reply := g.do("GET", api+"/runs", "")
	reply.expect(t, 503, `"code":14`, "cannot be reached")
	if reply.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	(&fakeServer{}).startAt(t, path)
	for state := g.conn.GetState(); state != connectivity.Ready; state = g.conn.GetState() {
		g.conn.Connect()
		if !g.conn.WaitForStateChange(t.Context(), state) {
			t.Fatal("never connected again")
		}
	}
	g.do("GET", api+"/runs", "").expect(t, 200)
}

func TestAnswersThatCannotBeReadAreInternalErrors(t *testing.T) {
	g, fake := startBoth(t)
	fake.answer = func(string, proto.Message) (proto.Message, error) {
		broken := &kfp.Run{}
		broken.ProtoReflect().SetUnknown([]byte{0x0a, 0x01, 0xff}) // a text that is no UTF-8
		return broken, nil
	}
	g.do("GET", api+"/runs/r", "").expect(t, 500, `"code":13`)
}

func TestAnswersHaveALength(t *testing.T) {
	g, fake := startBoth(t)
	fake.answer = func(string, proto.Message) (proto.Message, error) {
		return &kfp.Run{Description: strings.Repeat("long", 10_000)}, nil
	}
	reply := g.do("GET", api+"/runs/r", "")
	if reply.expect(t, 200); reply.header.Get("Content-Length") != strconv.Itoa(len(reply.body)) {
		t.Errorf("Content-Length %q of %d bytes", reply.header.Get("Content-Length"), len(reply.body))
	}
}

func TestTheServerIsNotToldOfTheClientsAddress(t *testing.T) {
	g, fake := startBoth(t)
	g.do("GET", api+"/runs/r", "").expect(t, 200)
	if _, _, metadata := fake.last(); len(metadata.Get("x-forwarded-for"))+len(metadata.Get("x-forwarded-host")) > 0 {
		t.Errorf("metadata %v", metadata)
	}
}
