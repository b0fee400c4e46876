// Package cluster speaks with one Kubernetes: its configuration, its calls and what it is seen to do.
package cluster

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// Options say which cluster it is.
type Options struct {
	Kubeconfig string // empty: the cluster that this program runs in, else what kubectl takes
	Context    string
	Namespace  string // empty: that of the program's own pod, or of the context
	QPS        float32
	Burst      int
	Version    string // of this program
}

const namespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

// Connect makes a client and tells the namespace of attempts that name none. It asks nothing of the cluster yet.
func Connect(options Options) (kubernetes.Interface, string, error) {
	config, namespace, err := configOf(options)
	if err != nil {
		return nil, "", err
	}
	if options.Namespace != "" {
		namespace = options.Namespace
	}
	config.QPS, config.Burst = options.QPS, options.Burst
	config.UserAgent = "penstock-kube/" + options.Version
	config.ContentType = "application/vnd.kubernetes.protobuf"
	config.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	config.WarningHandler = rest.NoWarnings{}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, "", fmt.Errorf("the configuration of the cluster makes no sense: %v", err)
	}
	return client, namespace, nil
}

func configOf(options Options) (*rest.Config, string, error) {
	if options.Kubeconfig == "" && options.Context == "" && os.Getenv("KUBERNETES_SERVICE_HOST") != "" {
		config, err := rest.InClusterConfig()
		if err != nil {
			return nil, "", fmt.Errorf("the service account of this pod cannot be used: %v", err)
		}
		text, err := os.ReadFile(namespaceFile)
		if err != nil && options.Namespace == "" {
			return nil, "", fmt.Errorf("this pod's namespace cannot be read: %v; give --namespace", err)
		}
		return config, strings.TrimSpace(string(text)), nil
	}
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = options.Kubeconfig
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules,
		&clientcmd.ConfigOverrides{CurrentContext: options.Context})
	config, err := loader.ClientConfig()
	if clientcmd.IsEmptyConfig(err) {
		return nil, "", errors.New("no cluster is known: give --kubeconfig, or run inside of one")
	}
	if err != nil {
		return nil, "", fmt.Errorf("the kubeconfig cannot be used: %v", err)
	}
	namespace, _, err := loader.Namespace()
	if err != nil {
		return nil, "", fmt.Errorf("the kubeconfig cannot be used: %v", err)
	}
	return config, namespace, nil
}
