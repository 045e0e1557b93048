// Package cluster is how the commands of sluice get at a cluster: which one the flags and the kubeconfig name, a client for
// it, and in which namespace to look.
package cluster

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	clientgo "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
	"github.com/sluice-ci/sluice/internal/cli/clierror"
)

// ErrNone says that neither flags nor the environment name a cluster.
var ErrNone = errors.New("no cluster is configured")

// Cluster is a connection to a cluster.
type Cluster struct {
	// Client reads and writes tekton.dev and Kubernetes' own kinds, without a cache.
	Client client.WithWatch
	// Kube is for what Client has no words for, such as logs.
	Kube kubernetes.Interface
	// Config is what both were made from; nil in tests.
	Config *rest.Config
	// Context is the name of the kubeconfig's context, for messages; it may be empty.
	Context string
	// Namespace that the user means; the one of the context, else "default".
	Namespace string
	// Home is the namespace that holds where the user says none: the one of the context.
	Home string
	// AllNamespaces: the user asked for all of them (-A). Where something is to be made, Namespace holds all the same.
	AllNamespaces bool
}

// Scope is the namespace to look in: empty for all of them.
func (c *Cluster) Scope() string {
	if c.AllNamespaces {
		return ""
	}
	return c.Namespace
}

// Typed is how a user types the name of something in a namespace, so that a proposed command finds it.
func (c *Cluster) Typed(name, namespace string) string {
	if namespace == c.Home {
		return name
	}
	return name + " -n " + namespace
}

// Source connects to the cluster that the user means. Flags is the real one; Fixed serves tests.
type Source interface {
	// Connect returns a client. It does not talk to the cluster yet, so that one that is down is only noticed by the
	// first call. The error is ErrNone where there is no cluster to talk to.
	Connect() (*Cluster, error)
}

// Fixed is a Source of one cluster.
type Fixed struct{ Cluster *Cluster }

// Connect returns the cluster.
func (f Fixed) Connect() (*Cluster, error) { return f.Cluster, nil }

// Flags are the flags by which the user names a cluster. Every command has them.
type Flags struct {
	Kubeconfig    string
	Context       string
	Namespace     string
	AllNamespaces bool
	// Warnings is where the API server's warnings go, each once; nil drops them.
	Warnings io.Writer
}

// Register adds the flags.
func (f *Flags) Register(flags *pflag.FlagSet) {
	flags.StringVar(&f.Kubeconfig, "kubeconfig", "", "file that names clusters and users (default: $KUBECONFIG, then ~/.kube/config)")
	flags.StringVar(&f.Context, "context", "", "context of the kubeconfig to use (default: its current one)")
	flags.StringVarP(&f.Namespace, "namespace", "n", "", "namespace to look in (default: the one of the context)")
	flags.BoolVarP(&f.AllNamespaces, "all-namespaces", "A", false, "look in all namespaces")
}

// Connect makes a client for the cluster that the flags, the environment and the kubeconfig name, in this order.
func (f *Flags) Connect() (*Cluster, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = f.Kubeconfig
	overrides := &clientcmd.ConfigOverrides{CurrentContext: f.Context}
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, overrides)
	config, err := loader.ClientConfig()
	if err != nil {
		return nil, unconfigured(err)
	}
	namespace, _, err := loader.Namespace()
	if err != nil {
		return nil, unconfigured(err)
	}
	home := namespace
	if f.Namespace != "" {
		namespace = f.Namespace
	}
	named := f.Context
	if raw, err := loader.RawConfig(); err == nil && named == "" {
		named = raw.CurrentContext
	}
	c, err := connect(config, f.Warnings)
	if err != nil {
		return nil, err
	}
	c.Context, c.Namespace, c.Home, c.AllNamespaces = named, namespace, home, f.AllNamespaces
	return c, nil
}

func connect(config *rest.Config, warnings io.Writer) (*Cluster, error) {
	// People wait for the answer: what holds others back is the API server's own fairness.
	config.QPS, config.Burst = 100, 200
	config.WarningHandler = rest.NoWarnings{}
	if warnings != nil {
		config.WarningHandler = rest.NewWarningWriter(warnings, rest.WarningWriterOptions{Deduplicate: true})
	}
	config.UserAgent = "sluice"
	if config.Timeout == 0 {
		// A connection that is not made in this time is not made at all; watches and logs go on for as long as they like.
		config.Dial = dialWithin(15 * time.Second)
	}
	scheme, err := Scheme()
	if err != nil {
		return nil, err
	}
	withWatch, err := client.NewWithWatch(config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("cannot make client: %w", err)
	}
	kube, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("cannot make client: %w", err)
	}
	return &Cluster{Client: withWatch, Kube: kube, Config: config}, nil
}

// Scheme has the kinds that commands read and write.
func Scheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgo.AddToScheme, v1.AddToScheme, v1beta1.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, fmt.Errorf("cannot build scheme: %w", err)
		}
	}
	return scheme, nil
}

// unconfigured turns what the kubeconfig's loader says into words for people.
func unconfigured(err error) error {
	if clientcmd.IsEmptyConfig(err) {
		return clierror.Hint(ErrNone,
			"name one: KUBECONFIG=FILE, --kubeconfig FILE, or --context NAME of a kubeconfig",
			"or start one on this machine: sluice run -f FILE --local")
	}
	return clierror.Hint(fmt.Errorf("cannot use the kubeconfig: %w", err), "kubectl config get-contexts shows what there is")
}
