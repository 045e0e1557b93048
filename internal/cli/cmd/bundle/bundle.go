// Package bundle is `sluice bundle`: it writes and lists Tekton bundles in registries.
package bundle

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/cli/manifestfile"
	"github.com/sluice-ci/sluice/internal/cli/table"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
	"github.com/sluice-ci/sluice/internal/resolvers/bundles"
	"github.com/sluice-ci/sluice/internal/resolvers/content"
)

// Options has the arguments of the commands.
type Options struct {
	Terminal *terminal.Terminal
	// Keychain has the credentials of the user for registries.
	Keychain authn.Keychain
	// Image is the name of the bundle.
	Image string
	// Files have the definitions to push.
	Files []string
	// Output is the output format of the list.
	Output table.Format
}

// NewCommand returns the command `sluice bundle`.
func NewCommand(t *terminal.Terminal) *cobra.Command {
	c := &cobra.Command{
		Use:   "bundle",
		Short: "Push Tasks, Pipelines and StepActions to a registry as a bundle, and list one",
		Example: `  sluice bundle push registry.example.com/team/catalog:v1 -f tasks/
  sluice bundle list registry.example.com/team/catalog:v1`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newPush(t), newList(t))
	return c
}

func newPush(t *terminal.Terminal) *cobra.Command {
	o := &Options{Terminal: t, Keychain: authn.DefaultKeychain}
	c := &cobra.Command{
		Use:   "push IMAGE -f FILE",
		Short: "Push definitions to a registry as a bundle",
		Long: `Pushes Tasks, Pipelines and StepActions to a registry as one Tekton bundle, and prints its name with its digest. A bundle has
at most 20 definitions. The same definitions always have the same digest.

The credentials are those of docker login.`,
		Example: `  sluice bundle push registry.example.com/team/catalog:v1 -f tasks/
  sluice bundle push registry.example.com/team/build:v1 -f build.yaml`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			o.Image = args[0]
			return o.push(c.Context())
		},
	}
	c.Flags().StringSliceVarP(&o.Files, "file", "f", nil, "file or folder with definitions, - for standard input; can be repeated")
	_ = c.MarkFlagRequired("file") // the flag exists
	return c
}

func newList(t *terminal.Terminal) *cobra.Command {
	o := &Options{Terminal: t, Keychain: authn.DefaultKeychain}
	c := &cobra.Command{
		Use:     "list IMAGE",
		Aliases: []string{"ls"},
		Short:   "List the definitions of a bundle",
		Long: `Lists the definitions of a Tekton bundle in a registry: the kind and the name of each, as the resolver "bundles" needs them.

The credentials are those of docker login.`,
		Example: `  sluice bundle list registry.example.com/team/catalog:v1`,
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			o.Image = args[0]
			return o.list(c.Context())
		},
	}
	o.Output.Register(c)
	return c
}

// parse returns the name of the bundle as a reference.
func (o *Options) parse() (name.Reference, error) {
	reference, err := name.ParseReference(o.Image)
	if err != nil {
		return nil, clierror.New(fmt.Sprintf("cannot use image %q: it is not the name of an image", o.Image),
			"such as registry.example.com/team/catalog:v1")
	}
	return reference, nil
}

func (o *Options) push(ctx context.Context) error {
	reference, err := o.parse()
	if err != nil {
		return err
	}
	if _, isDigest := reference.(name.Digest); isDigest {
		return clierror.New(fmt.Sprintf("cannot push to %q: a digest is the result of a push", o.Image), "give a tag")
	}
	definitions, err := read(o.Files, o.Terminal.In)
	if err != nil {
		return err
	}
	image, err := bundles.Image(definitions)
	if err != nil {
		return err
	}
	digest, err := image.Digest()
	if err != nil {
		return fmt.Errorf("cannot compute the digest of the bundle: %w", err)
	}
	if err := remote.Write(reference, image, remote.WithContext(ctx), remote.WithAuthFromKeychain(o.Keychain)); err != nil {
		return clierror.Hint(fmt.Errorf("cannot push bundle %q: %w", o.Image, err), "docker login stores credentials")
	}
	o.Terminal.Printf("%s@%s\n", reference.Context().Name(), digest)
	return nil
}

// read returns the definitions in files.
func read(files []string, stdin io.Reader) ([]bundles.Definition, error) {
	objects, err := manifestfile.Read(files, stdin)
	if err != nil {
		return nil, err
	}
	definitions := make([]bundles.Definition, 0, len(objects))
	for _, o := range objects {
		text, err := yaml.Marshal(o.Object)
		if err != nil {
			return nil, fmt.Errorf("cannot encode %s %q of %s: %w", o.GetKind(), o.GetName(), o.File, err)
		}
		if o.GetName() == "" {
			return nil, clierror.New(fmt.Sprintf("cannot add a %s of %s: it has no name", o.GetKind(), o.File), "set metadata.name")
		}
		if err := content.Check(text); err != nil {
			return nil, clierror.New(fmt.Sprintf("cannot add %s %q of %s: %v", o.GetKind(), o.GetName(), o.File, err))
		}
		definitions = append(definitions, bundles.Definition{
			Entry:   bundles.Entry{Kind: strings.ToLower(o.GetKind()), Name: o.GetName(), APIVersion: o.GetAPIVersion()},
			Content: text,
		})
	}
	return definitions, nil
}

// listed is the answer of `sluice bundle list`.
type listed struct {
	Image   string        `json:"image"`
	Digest  string        `json:"digest"`
	Entries []listedEntry `json:"entries"`
}

type listedEntry struct {
	Kind       string `json:"kind"`
	Name       string `json:"name"`
	APIVersion string `json:"apiVersion"`
}

func (o *Options) list(ctx context.Context) error {
	reference, err := o.parse()
	if err != nil {
		return err
	}
	bundle, err := bundles.Open(reference, remote.WithContext(ctx), remote.WithAuthFromKeychain(o.Keychain))
	if err != nil {
		return clierror.Hint(fmt.Errorf("cannot read bundle %q: %w", o.Image, err), "docker login stores credentials")
	}
	all := listed{Image: reference.Context().Name(), Digest: bundle.Digest.String()}
	for _, e := range bundle.Entries {
		all.Entries = append(all.Entries, listedEntry{Kind: e.Kind, Name: e.Name, APIVersion: e.APIVersion})
	}
	return o.Output.Write(o.Terminal.Out, all, func(w io.Writer) error {
		grid := table.NewGrid("KIND", "NAME", "APIVERSION")
		for _, e := range all.Entries {
			grid.Add(table.Text(terminal.Clean(e.Kind)), table.Text(terminal.Clean(e.Name)), table.Text(terminal.Clean(e.APIVersion)))
		}
		if err := grid.Write(w, o.Terminal); err != nil {
			return err
		}
		o.Terminal.Notef("%s@%s", all.Image, all.Digest)
		return nil
	})
}
