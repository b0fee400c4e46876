package mlflow

import (
	"cmp"
	"encoding/json"
	"net/http"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/penstock/penstock/gateway/apierror"
	"github.com/penstock/penstock/gateway/limits"
)

// errorDomain is that of a google.rpc.ErrorInfo by which the server names an error code of MLflow.
const errorDomain = "mlflow"

// errorCodes are MLflow's for those of gRPC. Clients send a request again after 429, 503 and 504, and any 500: so none of
// those is told for what is wrong with the request. ABORTED asks to try again, which they do not after 409.
var errorCodes = map[codes.Code]string{
	codes.Canceled:           "CANCELLED",
	codes.InvalidArgument:    "INVALID_PARAMETER_VALUE",
	codes.FailedPrecondition: "INVALID_PARAMETER_VALUE",
	codes.OutOfRange:         "INVALID_PARAMETER_VALUE",
	codes.DeadlineExceeded:   "DEADLINE_EXCEEDED",
	codes.NotFound:           "RESOURCE_DOES_NOT_EXIST",
	codes.AlreadyExists:      "RESOURCE_ALREADY_EXISTS",
	codes.PermissionDenied:   "PERMISSION_DENIED",
	codes.Unauthenticated:    "UNAUTHENTICATED",
	codes.ResourceExhausted:  "RESOURCE_EXHAUSTED",
	codes.Aborted:            "TEMPORARILY_UNAVAILABLE",
	codes.Unavailable:        "TEMPORARILY_UNAVAILABLE",
	codes.Unimplemented:      "NOT_IMPLEMENTED",
	codes.DataLoss:           "DATA_LOSS",
}

// httpCodes are those of the error codes; what is not here is 500.
var httpCodes = map[string]int{
	"INVALID_PARAMETER_VALUE": 400, "RESOURCE_ALREADY_EXISTS": 400, "BAD_REQUEST": 400,
	"UNAUTHENTICATED": 401, "CUSTOMER_UNAUTHORIZED": 401,
	"PERMISSION_DENIED":       403,
	"RESOURCE_DOES_NOT_EXIST": 404, "NOT_FOUND": 404, "ENDPOINT_NOT_FOUND": 404,
	"ALREADY_EXISTS": 409, "RESOURCE_CONFLICT": 409, "ABORTED": 409,
	"REQUEST_LIMIT_EXCEEDED": 429, "RESOURCE_EXHAUSTED": 429,
	"CANCELLED": 499, "NOT_IMPLEMENTED": 501, "TEMPORARILY_UNAVAILABLE": 503, "DEADLINE_EXCEEDED": 504,
}

type errorBody struct {
	ErrorCode string `json:"error_code"`
	Message   string `json:"message"`
}

// writeError answers a failed RPC, and a request that could not be made one.
func writeError(w http.ResponseWriter, r *http.Request, err error) {
	httpCode, st := apierror.StatusOf(r, err)
	code := cmp.Or(ownCode(st), errorCodes[st.Code()], "INTERNAL_ERROR")
	httpCode = cmp.Or(httpCode, httpCodes[code], http.StatusInternalServerError)
	write(w, r, httpCode, code, strings.ReplaceAll(st.Message(), "\u00a0", " "))
}

// ownCode is what the server names itself, or empty.
func ownCode(st *status.Status) string {
	for _, detail := range st.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.Domain == errorDomain {
			return info.Reason
		}
	}
	return ""
}

// writeNoRoute answers where nothing is served, and where nothing is with the method: a client that gets this code tries
// what older servers had.
func writeNoRoute(w http.ResponseWriter, r *http.Request, httpCode int) {
	switch httpCode {
	case http.StatusBadRequest:
		write(w, r, httpCode, "INVALID_PARAMETER_VALUE", "The path is malformed.")
	default:
		write(w, r, http.StatusNotFound, "ENDPOINT_NOT_FOUND",
			limits.Shortened(r.Method)+" "+limits.Shortened(r.URL.Path)+" is not served here.")
	}
}

func write(w http.ResponseWriter, r *http.Request, httpCode int, code, message string) {
	body, _ := json.Marshal(errorBody{code, message})
	apierror.WriteBody(w, r, httpCode, message, body)
}
