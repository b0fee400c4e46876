package main

import "testing"

func TestOwnCallsTakeNoQueryThatIsNotTheirs(t *testing.T) {
	g, _ := startBoth(t)
	own := "/apis/penstock/v1"
	for _, call := range []struct {
		method, path, body string
		code               int
	}{
		{"POST", own + "/runs:apply?dry_run=true", `{}`, 400},
		{"POST", own + "/runs?x=1", `{}`, 400},
		{"PATCH", own + "/runs/r?description=x", `{}`, 400},
		{"POST", own + "/recurringruns:preview?count=1", `{}`, 400},
		{"POST", own + "/recurringruns?timezone=UTC", `{}`, 400},
		{"POST", own + "/recurringruns?time_zone=UTC&force=true", `{}`, 200},
		{"GET", own + "/recurringruns/r:preview?until=1", "", 400},
		{"GET", own + "/recurringruns/r:preview?count.x=1", "", 400},
		{"GET", own + "/recurringruns/r:preview?untilTime=2030-01-01T00:00:00Z&trigger.cron_schedule.cron=x", "", 200},
		{"GET", own + "/runs:watch?page_token=x", "", 400},
		{"GET", api + "/runs?no_such_parameter=1", "", 200},
	} {
		if reply := g.do(call.method, call.path, call.body); reply.code != call.code {
			t.Errorf("%s %s: %d %s", call.method, call.path, reply.code, reply.body)
		}
	}
}

func TestURLsThatAreNotUTF8(t *testing.T) {
	g, fake := startBoth(t)
	for path, form := range map[string]string{
		api + "/runs/%ff":                          `"code":3`,
		api + "/runs?filter=%ff":                   `"code":3`,
		"/apis/v1beta1/runs/%ff":                   `"code":3`,
		"/%ff":                                     `"code":3`,
		"/apis/penstock/v1/runs/%ff:watch":         `"code":3`,
		api + "/runs/%ff/nodes/n/log":              `"error_message"`,
		api + "/runs/r/nodes/n/artifacts/%ff:read": `"error_message"`,
	} {
		g.do("GET", path, "").expect(t, 400, "UTF-8", form)
	}
	if rpc, _, _ := fake.last(); rpc != "" {
		t.Errorf("reached %s", rpc)
	}
}
