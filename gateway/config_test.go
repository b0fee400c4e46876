package main

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"strings"
	"testing"
)

func env(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func TestConfigFromFlagsAndEnvironment(t *testing.T) {
	cfg, err := parseConfig([]string{"--listen", "0.0.0.0:1", "--allowed_hosts=a, b"},
		env("PENSTOCK_GATEWAY_LISTEN", "0.0.0.0:2", "PENSTOCK_GATEWAY_SERVER", "unix:/s",
			"PENSTOCK_GATEWAY_EXIT_ON_STDIN_EOF", "true", "KUBEFLOW_USERID_HEADER", "kubeflow-userid", "TAG_NAME", "t"),
		io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.listen != "0.0.0.0:1" || cfg.server != "unix:/s" || !cfg.exitOnStdinEOF || len(cfg.allowedHosts) != 2 ||
		cfg.userIDHeader != "kubeflow-userid" || cfg.tagName != "t" || cfg.maxUploadBytes != 32<<20 {
		t.Errorf("%+v", cfg)
	}
}

func TestConfigMistakesAreNamed(t *testing.T) {
	for _, c := range []struct{ argument, text string }{
		{"--listen=8888", "--listen must be host:port"},
		{"--server=", "--server must not be empty"},
		{"--max_upload_bytes=0", "--max_upload_bytes"},
		{"--max_upload_bytes=62914561", "--max_upload_bytes"},
		{"--shutdown_grace=-1s", "--shutdown_grace"},
		{"--log_format=xml", "text or json"},
		{"--log_level=loud", "--log_level"},
		{"--trusted_origins=example.org", "--trusted_origins"},
		{"--no_such", "--help"},
		{"argument", "unexpected argument"},
	} {
		if _, err := parseConfig([]string{c.argument}, env(), io.Discard); err == nil || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v", c.argument, err)
		}
	}
	_, err := parseConfig(nil, env("PENSTOCK_GATEWAY_MAX_UPLOAD_BYTES", "many"), io.Discard)
	if err == nil || !strings.Contains(err.Error(), "PENSTOCK_GATEWAY_MAX_UPLOAD_BYTES") {
		t.Errorf("%v", err)
	}
}

func TestLevelsOfTheServer(t *testing.T) {
	for _, level := range []string{"trace", "debug", "info", "warn", "error", "off"} {
		var out bytes.Buffer
		newLogger(testConfig(t, "--log_level", level), &out).Error("written")
		if (out.Len() == 0) != (level == "off") {
			t.Errorf("%s: %s", level, out.String())
		}
	}
}

func TestHelp(t *testing.T) {
	var out bytes.Buffer
	if _, err := parseConfig([]string{"--help"}, env(), &out); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("%v", err)
	}
	if !strings.Contains(out.String(), "--listen <address>") {
		t.Error(out.String())
	}
}
