// Package resolve is `sluice resolve`: it fetches the definition that a reference names, as a run would.
package resolve

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/spf13/cobra"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
	"github.com/sluice-ci/sluice/internal/resolvers"
	"github.com/sluice-ci/sluice/internal/resolvers/bundles"
	"github.com/sluice-ci/sluice/internal/resolvers/content"
	"github.com/sluice-ci/sluice/internal/resolvers/git"
	"github.com/sluice-ci/sluice/internal/resolvers/outbound"
)

// Options has the arguments of `sluice resolve`.
type Options struct {
	Terminal *terminal.Terminal
	Source   cluster.Source
	// Resolver is the type of the resolver.
	Resolver string
	// Params are those of the reference, as NAME=VALUE.
	Params []string
	// Insecure are hosts that may be used over HTTP, and be this machine.
	Insecure []string
	// InCluster asks the resolvers of the cluster.
	InCluster bool
	// Timeout limits the whole command.
	Timeout time.Duration
	// Network replaces the network in tests; nil means that of this machine.
	Network *outbound.Network
	// Keychain has the credentials of the user for registries.
	Keychain authn.Keychain
}

// NewCommand returns the command `sluice resolve`.
func NewCommand(t *terminal.Terminal, source cluster.Source) *cobra.Command {
	o := &Options{Terminal: t, Source: source, Keychain: authn.DefaultKeychain}
	c := &cobra.Command{
		Use:   "resolve RESOLVER NAME=VALUE...",
		Short: "Fetch the definition of a reference, and show where it came from",
		Long: `Fetches the definition that a reference with these params names, and prints it. The source, with its digest, is printed to
standard error.

The resolvers "git" and "bundles" run on this machine, and need no cluster unless a param names a Secret. Their hosts may be
in private networks. The credentials for registries are those of docker login. All other resolvers, and with --in-cluster
these as well, run in the cluster: the command creates a ResolutionRequest, waits for its answer, and deletes it. An object of
the cluster whose kind, name and namespace are given is read without a request.`,
		Example: `  sluice resolve git url=https://github.com/tektoncd/catalog revision=main pathInRepo=task/git-clone/0.9/git-clone.yaml
  sluice resolve bundles bundle=registry.example.com/team/catalog:v1 kind=task name=build
  sluice resolve http url=https://example.com/build.yaml -n team`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			o.Resolver, o.Params = args[0], args[1:]
			return o.run(c.Context())
		},
	}
	c.Flags().StringSliceVar(&o.Insecure, "insecure-host", nil, "host, as HOST or HOST:PORT, that may be used over HTTP or be this machine")
	c.Flags().BoolVar(&o.InCluster, "in-cluster", false, "let the resolvers of the cluster fetch the definition")
	c.Flags().DurationVar(&o.Timeout, "timeout", time.Minute, "maximum time for everything")
	return c
}

func (o *Options) run(ctx context.Context) error {
	params, err := parse(o.Params)
	if err != nil {
		return err
	}
	resolver, err := o.local()
	if err != nil {
		return err
	}
	var answer *resolvers.Resource
	if resolver == nil {
		answer, err = o.inCluster(ctx, params)
	} else {
		answer, err = o.here(ctx, resolver, params)
	}
	if err != nil {
		return err
	}
	return o.print(answer)
}

// parse returns the params of NAME=VALUE.
func parse(texts []string) ([]v1.Param, error) {
	var all []v1.Param
	for _, text := range texts {
		name, value, found := strings.Cut(text, "=")
		if !found || name == "" {
			return nil, clierror.New(fmt.Sprintf("cannot use param %q: want NAME=VALUE", text), "such as url=https://github.com/tektoncd/catalog")
		}
		all = append(all, v1.Param{Name: name, Value: v1.StringValue(value)})
	}
	return all, nil
}

// local returns the resolver if it can run on this machine, or nil.
func (o *Options) local() (resolvers.Resolver, error) {
	if o.InCluster || o.Resolver != git.Type && o.Resolver != bundles.Type {
		return nil, nil //nolint:nilnil // no resolver is not an error
	}
	network, err := o.network()
	if err != nil {
		return nil, err
	}
	if o.Resolver == git.Type {
		return git.New(git.Options{Network: network}), nil
	}
	return bundles.New(bundles.Options{Network: network, Keychain: o.Keychain}), nil
}

// network returns the network of this machine. The user chooses the hosts, so that private ones are permitted.
func (o *Options) network() (*outbound.Network, error) {
	if o.Network != nil {
		return o.Network, nil
	}
	for _, host := range o.Insecure {
		if err := outbound.CheckInsecure(host); err != nil {
			return nil, clierror.Usage("sluice resolve", "%w", err)
		}
	}
	private := make([]netip.Prefix, 0, 5)
	for _, text := range []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"} {
		private = append(private, netip.MustParsePrefix(text))
	}
	return outbound.New(outbound.Options{Private: private, Insecure: o.Insecure}), nil
}

// here fetches the definition on this machine.
func (o *Options) here(ctx context.Context, resolver resolvers.Resolver, list []v1.Param) (*resolvers.Resource, error) {
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	params, err := resolvers.NewParams(list)
	if err != nil {
		return nil, err
	}
	if hint := params.Unknown(resolver.Params()); hint != "" {
		o.Terminal.Notef("%s", terminal.Clean(hint))
	}
	plan, err := resolver.Prepare(ctx, &resolvers.Request{Params: params, Secrets: &secrets{source: o.Source}})
	if err != nil {
		return nil, err
	}
	answer, err := plan.Fetch(ctx)
	if err != nil {
		return nil, err
	}
	if err := content.Check(answer.Content); err != nil {
		return nil, err
	}
	return answer, nil
}

// print prints the definition, and its source.
func (o *Options) print(answer *resolvers.Resource) error {
	text := string(answer.Content)
	if o.Terminal.Interactive {
		text = terminal.Clean(text)
	}
	if !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	if _, err := fmt.Fprint(o.Terminal.Out, text); err != nil {
		return fmt.Errorf("cannot write the definition: %w", err)
	}
	source := []string{terminal.Clean(answer.Source.URI)}
	for _, algorithm := range slices.Sorted(maps.Keys(answer.Source.Digest)) {
		source = append(source, terminal.Clean(algorithm+":"+answer.Source.Digest[algorithm]))
	}
	o.Terminal.Notef("from %s %s", strings.Join(source, " "), terminal.Clean(answer.Source.EntryPoint))
	return nil
}
