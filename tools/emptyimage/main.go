// Emptyimage pushes an image without any file to a registry, and prints its reference by digest.
//
//	emptyimage REFERENCE
package main

import (
	"fmt"
	"os"

	"github.com/sluice-ci/sluice/tools/internal/emptyimage"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: emptyimage REFERENCE")
		os.Exit(2)
	}
	digest, err := emptyimage.Push(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
	fmt.Println(digest)
}
