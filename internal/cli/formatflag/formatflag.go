// Package formatflag is the flag -o of commands that print in one of several formats.
package formatflag

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// Register adds the flag -o to a command. The flag sets format, whose present value is the default. Parsing the flag rejects a value
// that is not in formats, which are in the order of help.
func Register[F ~string](c *cobra.Command, format *F, formats ...F) {
	v := value[F]{format: format, formats: formats}
	c.Flags().VarP(v, "output", "o", "output format: "+strings.Join(v.words(), "|"))
	// The flag exists: the line above has added it.
	_ = c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(v.words(), cobra.ShellCompDirectiveNoFileComp))
}

// value is a pflag.Value.
type value[F ~string] struct {
	format  *F
	formats []F
}

func (v value[F]) words() []string {
	words := make([]string, len(v.formats))
	for i, f := range v.formats {
		words[i] = string(f)
	}
	return words
}

// Set parses the text of the flag.
func (v value[F]) Set(text string) error {
	if !slices.Contains(v.formats, F(text)) {
		return fmt.Errorf("want one of %s", strings.Join(v.words(), "|"))
	}
	*v.format = F(text)
	return nil
}

// String returns the text of the flag; empty for the zero value, which pflag makes to compare with.
func (v value[F]) String() string {
	if v.format == nil {
		return ""
	}
	return string(*v.format)
}

// Type returns the name of the value in help.
func (v value[F]) Type() string { return "format" }
