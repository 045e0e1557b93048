// Site prepares the pages of the project for the generator of the site, and checks the links of the result.
//
//	site pages PROJECT FOLDER    write the pages of the project, with links for the site, into an empty folder
//	site check FOLDER            check the links of a built site; a broken one fails
//
// hack/site.sh runs both.
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/sluice-ci/sluice/tools/site/check"
	"github.com/sluice-ci/sluice/tools/site/pages"
)

// errUsage is the error for a command line that is not one of the two above.
var errUsage = errors.New("cannot parse the command line: want `site pages PROJECT FOLDER` or `site check FOLDER`")

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// run is the program.
func run(args []string) error {
	switch {
	case len(args) == 3 && args[0] == "pages":
		return pages.Write(args[1], args[2])
	case len(args) == 2 && args[0] == "check":
		return check.Dir(args[1])
	default:
		return errUsage
	}
}
