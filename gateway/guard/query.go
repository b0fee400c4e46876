package guard

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/grpc-ecosystem/grpc-gateway/v2/utilities"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/penstock/penstock/gateway/gen/penstock"
	"github.com/penstock/penstock/gateway/limits"
)

var ownPackage = penstock.File_penstock_v1_run_operations_proto.Package()

// StrictQuery refuses query parameters that a call of our own does not take: a misspelt dry_run or time_zone would
// change what is not meant. KFP's own calls ignore them, as they do there.
type StrictQuery struct {
	runtime.DefaultQueryParser
}

// Parse is called by the mux; an error of it is a 400.
func (p *StrictQuery) Parse(request proto.Message, values url.Values, filter *utilities.DoubleArray) error {
	if message := request.ProtoReflect().Descriptor(); message.ParentFile().Package() == ownPackage {
		for name := range values {
			if !namesField(message, name) {
				return fmt.Errorf("the query parameter %q is none of this call", limits.Shortened(name))
			}
		}
	}
	return p.DefaultQueryParser.Parse(request, values, filter)
}

// namesField tells whether path, such as "trigger.cron_schedule.cron", is a field of message or of one below.
func namesField(message protoreflect.MessageDescriptor, path string) bool {
	for _, name := range strings.Split(path, ".") {
		if message == nil {
			return false
		}
		field := message.Fields().ByName(protoreflect.Name(name))
		if field == nil {
			field = message.Fields().ByJSONName(name)
		}
		if field == nil {
			return false
		}
		message = field.Message()
	}
	return true
}

// bodyOnly are the calls of our own whose whole request is the body, as "POST /apis/penstock/v1/runs:apply".
var bodyOnly = func() []string {
	var calls []string
	protoregistry.GlobalFiles.RangeFilesByPackage(ownPackage, func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			methods := file.Services().Get(i).Methods()
			for j := range methods.Len() {
				rule, _ := proto.GetExtension(methods.Get(j).Options(), annotations.E_Http).(*annotations.HttpRule)
				for _, one := range append([]*annotations.HttpRule{rule}, rule.GetAdditionalBindings()...) {
					if one.GetBody() == "*" {
						calls = append(calls, callOf(one))
					}
				}
			}
		}
		return true
	})
	return calls
}()

func callOf(rule *annotations.HttpRule) string {
	if path := rule.GetPatch(); path != "" {
		return http.MethodPatch + " " + path
	}
	return http.MethodPost + " " + rule.GetPost()
}

// CheckNoQuery refuses, with INVALID_ARGUMENT, a query where the whole request is the body. The route is the pattern that
// matched the path.
func CheckNoQuery(r *http.Request, route string) error {
	if r.URL.RawQuery == "" || !slices.Contains(bodyOnly, r.Method+" "+route) {
		return nil
	}
	return status.Error(codes.InvalidArgument,
		"this call takes no query parameters: give all fields in the request body")
}
