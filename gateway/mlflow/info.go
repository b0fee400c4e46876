package mlflow

import (
	"encoding/json"
	"net/http"
)

// serverInfo tells clients what they may use besides the plain API: nothing.
type serverInfo struct {
	StoreType                 string          `json:"store_type"`
	WorkspacesEnabled         bool            `json:"workspaces_enabled"`
	TraceArchivalEnabled      bool            `json:"trace_archival_enabled"`
	MultipartUploadsEnabled   bool            `json:"multipart_uploads_enabled"`
	MultipartDownloadsEnabled bool            `json:"multipart_downloads_enabled"`
	PresignedUploadRunID      bool            `json:"presigned_upload_run_id_supported"`
	PresignedUploadModelID    bool            `json:"presigned_upload_model_id_supported"`
	FeaturesEnabled           map[string]bool `json:"features_enabled"`
}

func serveServerInfo(w http.ResponseWriter) {
	body, _ := json.Marshal(serverInfo{StoreType: "SqlStore", FeaturesEnabled: map[string]bool{"gateway": false}})
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body)
}
