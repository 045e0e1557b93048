// Package cluster connects the commands of sluice to a cluster. It reads the flags and the kubeconfig, and returns a client and
// the namespace.
package cluster

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/scheme"
)

// ErrNone says that neither the flags nor the environment name a cluster.
var ErrNone = errors.New("no cluster is configured")

// Cluster is a connection to a cluster.
type Cluster struct {
	// Client reads and writes kinds of tekton.dev and of Kubernetes, without a cache.
	Client client.WithWatch
	// Kube is for requests that Client does not support, such as logs.
	Kube kubernetes.Interface
	// Config is the configuration of both clients; nil in tests.
	Config *rest.Config
	// Context is the name of the context in the kubeconfig, for messages; it may be empty.
	Context string
	// Namespace of the command: from the flag, the context, or "default".
	Namespace string
	// Home is the namespace of a command without -n: that of the context.
	Home string
	// AllNamespaces: the user asked for all namespaces (-A). New objects are still created in Namespace.
	AllNamespaces bool
}

// Scope returns the namespace to search; empty: all namespaces.
func (c *Cluster) Scope() string {
	if c.AllNamespaces {
		return ""
	}
	return c.Namespace
}

// Typed returns the arguments for an object of a namespace in a suggested command.
func (c *Cluster) Typed(name, namespace string) string {
	if namespace == c.Home {
		return name
	}
	return name + " -n " + namespace
}

// Source connects to the cluster of the user. Flags is the real one; Fixed is for tests.
type Source interface {
	// Connect returns a client. It sends no request yet, so only the first request detects that the cluster is down. The error is
	// ErrNone if no cluster is configured.
	Connect() (*Cluster, error)
}

// Fixed is a Source of one cluster.
type Fixed struct{ Cluster *Cluster }

// Connect returns the cluster.
func (f Fixed) Connect() (*Cluster, error) { return f.Cluster, nil }

// Flags are the flags that select a cluster. Every command has them.
type Flags struct {
	Kubeconfig    string
	Context       string
	Namespace     string
	AllNamespaces bool
	// Warnings receives each warning of the API server once; nil drops them.
	Warnings io.Writer
}

// Register adds the flags.
func (f *Flags) Register(flags *pflag.FlagSet) {
	flags.StringVar(&f.Kubeconfig, "kubeconfig", "", "kubeconfig file (default: $KUBECONFIG, then ~/.kube/config)")
	flags.StringVar(&f.Context, "context", "", "context of the kubeconfig (default: the current context)")
	flags.StringVarP(&f.Namespace, "namespace", "n", "", "namespace (default: the namespace of the context)")
	flags.BoolVarP(&f.AllNamespaces, "all-namespaces", "A", false, "search all namespaces")
}

// Connect creates a client for the cluster from the flags, the environment or the kubeconfig, in this order.
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
	// A user waits for the response. Priority and fairness of the API server protect other clients.
	config.QPS, config.Burst = 100, 200
	config.WarningHandler = rest.NoWarnings{}
	if warnings != nil {
		config.WarningHandler = rest.NewWarningWriter(warnings, rest.WarningWriterOptions{Deduplicate: true})
	}
	config.UserAgent = "sluice"
	if config.Timeout == 0 {
		// Limit only the time to connect. Watches and logs may take any time.
		config.Dial = dialWithin(15 * time.Second)
	}
	kinds, err := scheme.New()
	if err != nil {
		return nil, err
	}
	withWatch, err := client.NewWithWatch(config, client.Options{Scheme: kinds})
	if err != nil {
		return nil, fmt.Errorf("cannot create client: %w", err)
	}
	kube, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("cannot create client: %w", err)
	}
	return &Cluster{Client: withWatch, Kube: kube, Config: config}, nil
}

// unconfigured turns an error of the kubeconfig loader into one with hints.
func unconfigured(err error) error {
	if clientcmd.IsEmptyConfig(err) {
		return clierror.Hint(ErrNone,
			"set one: KUBECONFIG=FILE, --kubeconfig FILE, or --context NAME",
			"or start a cluster on this machine: sluice run -f FILE --local")
	}
	return clierror.Hint(fmt.Errorf("cannot use the kubeconfig: %w", err), "kubectl config get-contexts lists the contexts")
}
