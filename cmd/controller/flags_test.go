package main

import (
	"flag"
	"testing"

	"github.com/sluice-ci/sluice/test/testutil/tables/flagpage"
)

// TestFlagsAreListed: docs/flags.md lists each flag with its default, and no other flag.
func TestFlagsAreListed(t *testing.T) {
	flags := flag.NewFlagSet("controller", flag.ContinueOnError)
	bind(flags)
	flagpage.Check(t, "The controller", flags, map[string]string{"workers": "8 for each CPU"})
}
