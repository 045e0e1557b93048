// Package sign is `sluice sign` and `sluice verify`: they sign definitions in files, and verify the signatures.
package sign

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/cli/cmd/validate/document"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
	"github.com/sluice-ci/sluice/internal/trust"
)

// passwordVariable is the environment variable with the password of an encrypted key, as for cosign.
const passwordVariable = "COSIGN_PASSWORD"

// Options has the arguments of `sluice sign`.
type Options struct {
	Terminal *terminal.Terminal
	// File is the file with definitions; "-" is Terminal.In.
	File string
	// KeyFile is the file of the private key.
	KeyFile string
	// Output is the file to write; empty means Terminal.Out.
	Output string
}

// NewCommand returns the command `sluice sign`.
func NewCommand(t *terminal.Terminal) *cobra.Command {
	o := &Options{Terminal: t}
	c := &cobra.Command{
		Use:   "sign FILE --key PRIVATE",
		Short: "Sign the Tasks, Pipelines and StepActions of a file",
		Long: `Signs each Task, Pipeline and StepAction of a file, and prints the file with the signatures, in the annotation
` + trust.AnnotationSignature + ` of each. All other text stays as it is, with comments and order. Other objects are copied.

The key is a private key in PEM: ECDSA, RSA or Ed25519, plain or encrypted, as openssl and cosign write it. The password of an
encrypted key is read from the environment variable ` + passwordVariable + `, or else from the terminal.

A signature covers kind, name, namespace, labels, annotations and spec. Tekton verifies the signatures of Tasks and Pipelines.`,
		Example: `  sluice sign build.yaml --key cosign.key -o signed/build.yaml
  openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out private.pem
  openssl ec -in private.pem -pubout -out public.pem
  sluice sign build.yaml --key private.pem | sluice verify - --key public.pem`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			o.File = args[0]
			return o.Run()
		},
	}
	c.Flags().StringVarP(&o.KeyFile, "key", "k", "", "`file` of the private key, in PEM")
	c.Flags().StringVarP(&o.Output, "output-file", "o", "", "`file` to write, which can be FILE; without it the result is printed")
	_ = c.MarkFlagRequired("key") // the flag exists
	return c
}

// Run signs the definitions.
func (o *Options) Run() error {
	text, err := read(o.File, o.Terminal.In)
	if err != nil {
		return err
	}
	signer, err := o.signer()
	if err != nil {
		return err
	}
	signed, count, err := signAll(o.File, text, signer)
	if err != nil {
		return err
	}
	if count == 0 {
		return clierror.New(fmt.Sprintf("%s has no Task, Pipeline or StepAction to sign", o.File))
	}
	if o.Output == "" {
		o.Terminal.Printf("%s", signed)
		return nil
	}
	if err := os.WriteFile(o.Output, []byte(signed), 0o644); err != nil {
		return fmt.Errorf("cannot write file %q: %w", o.Output, err)
	}
	return nil
}

// signer reads the private key.
func (o *Options) signer() (trust.Signer, error) {
	pem, err := os.ReadFile(o.KeyFile)
	if err != nil {
		return trust.Signer{}, fmt.Errorf("cannot read the key: %w", err)
	}
	signer, err := trust.ParseSigner(pem, o.password)
	if err != nil {
		return trust.Signer{}, clierror.Hint(fmt.Errorf("cannot use key %q: %w", o.KeyFile, err),
			"give a private key; the password of an encrypted key is read from "+passwordVariable+" or from the terminal")
	}
	return signer, nil
}

// password returns the password of an encrypted key.
func (o *Options) password() ([]byte, error) {
	if value, ok := os.LookupEnv(passwordVariable); ok {
		return []byte(value), nil
	}
	file, ok := o.Terminal.In.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return nil, fmt.Errorf("the key is encrypted: %w", errNoPassword)
	}
	fmt.Fprintf(o.Terminal.Err, "Password of %s: ", o.KeyFile)
	value, err := term.ReadPassword(int(file.Fd()))
	fmt.Fprintln(o.Terminal.Err)
	if err != nil {
		return nil, fmt.Errorf("cannot read the password: %w", err)
	}
	return value, nil
}

// signAll returns the text of a file with the signatures of its definitions, and their number.
func signAll(file, text string, signer trust.Signer) (signed string, count int, err error) {
	key, err := signer.Key()
	if err != nil {
		return "", 0, err
	}
	var out strings.Builder
	for _, part := range document.Texts(text) {
		definition, err := parse(part)
		if err != nil {
			return "", 0, fmt.Errorf("%s: %w", file, err)
		}
		if definition == nil {
			out.WriteString(part)
			continue
		}
		with, err := signOne(part, definition, signer, key)
		if err != nil {
			return "", 0, fmt.Errorf("%s: cannot sign %s: %w", file, definition, err)
		}
		out.WriteString(with)
		count++
	}
	return out.String(), count, nil
}

// signOne returns the text of a document with its signature. It reads the result again, so that a file that would not verify is
// never written.
func signOne(text string, d *definition, signer trust.Signer, key trust.Key) (string, error) {
	signature, err := signer.Sign(d.Object)
	if err != nil {
		return "", err
	}
	with, err := annotated(text, trust.AnnotationSignature, signature)
	if err != nil {
		return "", err
	}
	again, err := parse(with)
	if err != nil {
		return "", fmt.Errorf("the text with the signature is not valid: %w", err)
	}
	return with, trust.Verify(again.Object, []trust.Key{key})
}
