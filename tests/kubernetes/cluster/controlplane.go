package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/pflag"
	"go.etcd.io/etcd/server/v3/embed"
	cliflag "k8s.io/component-base/cli/flag"
	"k8s.io/component-base/cli/globalflag"
	"k8s.io/component-base/logs"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	kcm "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	kcmoptions "k8s.io/kubernetes/cmd/kube-controller-manager/app/options"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	scheduleroptions "k8s.io/kubernetes/cmd/kube-scheduler/app/options"
)

// signals returns a context that ends on SIGINT or SIGTERM.
func signals() context.Context {
	ctx, _ := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	return ctx
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// plane is one control plane.
type plane struct {
	ctx         context.Context
	dir         string
	port        int
	level       string
	controllers string
}

// controlPlane runs until a signal. It writes DIR/ready once the API server says it is ready.
func controlPlane(args []string) {
	began := time.Now()
	flags := flag.NewFlagSet("control-plane", flag.ExitOnError)
	dir := flags.String("dir", "", "folder for keys, etcd's data and the kubeconfig files")
	port := flags.Int("port", 21001, "port of the API server on 127.0.0.1; etcd takes the next two")
	node := flags.String("node", "node1", "name of the node that the kubelet's certificate is for")
	controllers := flags.String("controllers", "*", "controllers of the controller manager")
	v := flags.Int("v", 0, "log level")
	must(flags.Parse(args))
	must(os.MkdirAll(*dir, 0o700))
	administrator := makeKeys(*dir, *port, *node)
	p := plane{ctx: signals(), dir: *dir, port: *port, level: fmt.Sprintf("--v=%d", *v), controllers: *controllers}

	startEtcd(p.file("etcd"), p.etcd(), fmt.Sprintf("http://127.0.0.1:%d", p.port+2))
	log.Printf("etcd is ready after %v", time.Since(began).Round(time.Millisecond))
	go ended(p.ctx, "the API server", p.apiServer)
	waitReady(administrator, p.port)
	log.Printf("the API server is ready after %v", time.Since(began).Round(time.Millisecond))
	go ended(p.ctx, "the controller manager", p.controllerManager)
	go ended(p.ctx, "the scheduler", p.scheduler)
	must(os.WriteFile(p.file("ready"), []byte(fmt.Sprintln(os.Getpid())), 0o600))
	log.Printf("the control plane runs after %v", time.Since(began).Round(time.Millisecond))
	<-p.ctx.Done()
	// The components stop on the same context; what is stored is thrown away with the folder.
	time.Sleep(300 * time.Millisecond)
}

func (p *plane) file(name string) string { return filepath.Join(p.dir, name) }

func (p *plane) etcd() string { return fmt.Sprintf("http://127.0.0.1:%d", p.port+1) }

// apiServer is run by its command, as the only one: two commands in one process would both install a signal handler, and
// panic.
func (p *plane) apiServer() error {
	command := apiserver.NewAPIServerCommand()
	command.SetArgs([]string{
		p.level,
		"--bind-address=127.0.0.1", "--advertise-address=127.0.0.1",
		fmt.Sprintf("--secure-port=%d", p.port),
		"--etcd-servers=" + p.etcd(),
		"--endpoint-reconciler-type=none", // loopback is refused as an endpoint
		"--service-cluster-ip-range=10.96.0.0/16",
		"--authorization-mode=Node,RBAC",
		"--client-ca-file=" + p.file("ca.crt"),
		"--tls-cert-file=" + p.file("apiserver.crt"), "--tls-private-key-file=" + p.file("apiserver.key"),
		"--kubelet-client-certificate=" + p.file("admin.crt"), "--kubelet-client-key=" + p.file("admin.key"),
		"--kubelet-certificate-authority=" + p.file("ca.crt"),
		"--kubelet-preferred-address-types=Hostname",
		"--service-account-key-file=" + p.file("sa.key"), "--service-account-signing-key-file=" + p.file("sa.key"),
		"--service-account-issuer=https://kubernetes.default.svc",
		"--max-requests-inflight=800", "--max-mutating-requests-inflight=400",
		"--profiling=false",
	})
	return command.Execute()
}

// arguments are those that the controller manager and the scheduler share.
func (p *plane) arguments(kubeconfig string) []string {
	config := p.file(kubeconfig)
	return []string{p.level, "--leader-elect=false", "--secure-port=0", "--profiling=false", "--kubeconfig=" + config,
		"--authentication-kubeconfig=" + config, "--authorization-kubeconfig=" + config}
}

func (p *plane) controllerManager() error {
	options, err := kcmoptions.NewKubeControllerManagerOptions()
	must(err)
	flags := options.Flags(kcm.KnownControllers(), kcm.ControllersDisabledByDefault(), kcm.ControllerAliases())
	options.ParsedFlags = &flags
	parse(flags, append(p.arguments("kcm.kubeconfig"),
		"--controllers="+p.controllers,
		"--root-ca-file="+p.file("ca.crt"),
		"--service-account-private-key-file="+p.file("sa.key"),
		"--cluster-signing-cert-file="+p.file("ca.crt"), "--cluster-signing-key-file="+p.file("ca.key")))
	config, err := options.Config(p.ctx, kcm.KnownControllers(), kcm.ControllersDisabledByDefault(), kcm.ControllerAliases())
	if err != nil {
		return err
	}
	return kcm.Run(p.ctx, config.Complete())
}

func (p *plane) scheduler() error {
	options := scheduleroptions.NewOptions()
	parse(*options.Flags, append(p.arguments("scheduler.kubeconfig"), "--kube-api-qps=500", "--kube-api-burst=1000"))
	config, made, err := scheduler.Setup(p.ctx, options)
	if err != nil {
		return err
	}
	return scheduler.Run(p.ctx, config, made)
}

func startEtcd(dir, client, peer string) {
	cfg := embed.NewConfig()
	cfg.Dir = dir
	c, _ := url.Parse(client)
	pu, _ := url.Parse(peer)
	cfg.ListenClientUrls, cfg.AdvertiseClientUrls = []url.URL{*c}, []url.URL{*c}
	cfg.ListenPeerUrls, cfg.AdvertisePeerUrls = []url.URL{*pu}, []url.URL{*pu}
	cfg.InitialCluster = cfg.InitialClusterFromName(cfg.Name)
	cfg.UnsafeNoFsync = true // a test cluster need not outlive a power cut
	cfg.LogLevel = "error"
	e, err := embed.StartEtcd(cfg)
	must(err)
	select {
	case <-e.Server.ReadyNotify():
	case <-time.After(30 * time.Second):
		log.Fatal("etcd is not ready after 30 s")
	}
}

// parse gives a component's flags to it as its own command would.
func parse(sets cliflag.NamedFlagSets, args []string) {
	all := pflag.NewFlagSet("component", pflag.ContinueOnError)
	for _, f := range sets.FlagSets {
		all.AddFlagSet(f)
	}
	globalflag.AddGlobalFlags(all, "component", logs.SkipLoggingConfigurationFlags())
	must(all.Parse(args))
}

// ended runs a component; the process ends if the component does.
func ended(ctx context.Context, name string, f func() error) {
	err := f()
	if ctx.Err() == nil {
		log.Fatalf("%s ended: %v", name, err)
	}
}

func waitReady(c *http.Client, port int) {
	for i := 0; i < 1200; i++ {
		r, err := c.Get(fmt.Sprintf("https://127.0.0.1:%d/readyz", port))
		if err == nil {
			r.Body.Close()
			if r.StatusCode == 200 {
				return
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	log.Fatal("the API server is not ready after 60 s")
}
