package main

import (
	"fmt"
	"reflect"
	"strconv"
	"text/template"
	"text/template/parse"
)

// The functions below change what text/template has parsed. A missing key is an error, but not where the template asks whether it
// is there: in `if` and `with`, and in a pipeline with one of these functions. There, .a.b becomes (lookup . "a" "b").
var asking = map[string]bool{"default": true, "coalesce": true, "empty": true, "hasKey": true, "ternary": true}

func rewrite(tree *parse.Tree) {
	if tree == nil || tree.Root == nil {
		return
	}
	rewriteList(tree, tree.Root)
	pos := tree.Root.Pos
	tree.Root.Nodes = append([]parse.Node{call(tree, pos, "enterTemplate")},
		append(tree.Root.Nodes, call(tree, pos, "leaveTemplate"))...)
}

func call(tree *parse.Tree, pos parse.Pos, function string) parse.Node {
	command := &parse.CommandNode{NodeType: parse.NodeCommand, Pos: pos,
		Args: []parse.Node{parse.NewIdentifier(function).SetPos(pos).SetTree(tree)}}
	return &parse.ActionNode{NodeType: parse.NodeAction, Pos: pos, Line: 1,
		Pipe: &parse.PipeNode{NodeType: parse.NodePipe, Pos: pos, Line: 1, Cmds: []*parse.CommandNode{command}}}
}

func rewriteList(tree *parse.Tree, list *parse.ListNode) {
	if list == nil {
		return
	}
	for _, node := range list.Nodes {
		switch n := node.(type) {
		case *parse.ActionNode:
			rewritePipe(tree, n.Pipe, false)
		case *parse.TemplateNode:
			rewritePipe(tree, n.Pipe, false)
		case *parse.IfNode:
			rewriteBranch(tree, &n.BranchNode, true)
		case *parse.WithNode:
			rewriteBranch(tree, &n.BranchNode, true)
		case *parse.RangeNode:
			rewriteBranch(tree, &n.BranchNode, false)
		}
	}
}

func rewriteBranch(tree *parse.Tree, branch *parse.BranchNode, asks bool) {
	rewritePipe(tree, branch.Pipe, asks)
	rewriteList(tree, branch.List)
	rewriteList(tree, branch.ElseList)
}

func calls(command *parse.CommandNode) string {
	if identifier, ok := command.Args[0].(*parse.IdentifierNode); ok {
		return identifier.Ident
	}
	return ""
}

func rewritePipe(tree *parse.Tree, pipe *parse.PipeNode, asks bool) {
	if pipe == nil {
		return
	}
	for _, command := range pipe.Cmds {
		asks = asks || asking[calls(command)]
	}
	for _, command := range pipe.Cmds {
		for i, arg := range command.Args {
			if inner, ok := arg.(*parse.PipeNode); ok {
				rewritePipe(tree, inner, asks)
			} else if asks && (i > 0 || len(command.Args) == 1) { // others are methods with arguments
				command.Args[i] = asLookup(tree, arg, pipe.Line)
			}
		}
	}
}

func asLookup(tree *parse.Tree, arg parse.Node, line int) parse.Node {
	var base parse.Node
	var keys []string
	switch n := arg.(type) {
	case *parse.FieldNode:
		base, keys = &parse.DotNode{NodeType: parse.NodeDot, Pos: n.Pos}, n.Ident
	case *parse.VariableNode:
		short := *n
		short.Ident = n.Ident[:1]
		base, keys = &short, n.Ident[1:]
	case *parse.ChainNode:
		base, keys = n.Node, n.Field
		if inner, ok := base.(*parse.PipeNode); ok {
			rewritePipe(tree, inner, true)
		}
	}
	if len(keys) == 0 {
		return arg
	}
	pos := arg.Position()
	args := []parse.Node{parse.NewIdentifier("lookup").SetPos(pos).SetTree(tree), base}
	for _, key := range keys {
		args = append(args, &parse.StringNode{NodeType: parse.NodeString, Pos: pos, Quoted: strconv.Quote(key), Text: key})
	}
	return &parse.PipeNode{NodeType: parse.NodePipe, Pos: pos, Line: line,
		Cmds: []*parse.CommandNode{{NodeType: parse.NodeCommand, Pos: pos, Args: args}}}
}

// lookup is the engine's own way along fields, methods and keys, but a key that a map does not have is no error.
func lookup(base reflect.Value, keys ...string) (reflect.Value, error) {
	for _, key := range keys {
		for base.IsValid() && base.Kind() == reflect.Interface {
			base = base.Elem()
		}
		if !base.IsValid() {
			return base, nil
		}
		next, err := step(base, key)
		if err != nil {
			return next, err
		}
		base = next
	}
	return base, nil
}

func step(base reflect.Value, key string) (reflect.Value, error) {
	if method := base.MethodByName(key); method.IsValid() {
		if method.Type().NumIn() != 0 {
			return base, fmt.Errorf("%s wants arguments", key)
		}
		results := method.Call(nil)
		if len(results) == 2 && !results[1].IsNil() {
			return base, results[1].Interface().(error)
		}
		return results[0], nil
	}
	if base.Kind() == reflect.Pointer {
		if base.IsNil() {
			return reflect.Value{}, nil
		}
		base = base.Elem()
	}
	switch base.Kind() {
	case reflect.Map:
		found := base.MapIndex(reflect.ValueOf(key).Convert(base.Type().Key()))
		if !found.IsValid() {
			return reflect.Zero(base.Type().Elem()), nil
		}
		return found, nil
	case reflect.Struct:
		if field, ok := base.Type().FieldByName(key); ok && field.IsExported() {
			return base.FieldByIndex(field.Index), nil
		}
	}
	return base, fmt.Errorf("can't evaluate field %s in type %s", key, base.Type())
}

// isShared says that a template reads nothing of the node: each field of the data that it names is one that all nodes share.
// Anything that it cannot follow counts as the node's.
func isShared(t *template.Template) bool {
	for _, one := range t.Templates() {
		if one.Tree != nil && one.Tree.Root != nil && !sharedList(one.Tree.Root, true) {
			return false
		}
	}
	return true
}

// sharedList: `top` says that dot is the data itself, and not something that was reached through a shared field of it.
func sharedList(list *parse.ListNode, top bool) bool {
	if list == nil {
		return true
	}
	for _, node := range list.Nodes {
		ok := true
		switch n := node.(type) {
		case *parse.ActionNode:
			ok = sharedPipe(n.Pipe, top)
		case *parse.TemplateNode:
			// The other template is looked at as if its dot were the data.
			ok = sharedPipe(n.Pipe, top)
		case *parse.IfNode:
			ok = sharedPipe(n.Pipe, top) && sharedList(n.List, top) && sharedList(n.ElseList, top)
		case *parse.WithNode:
			ok = sharedPipe(n.Pipe, top) && sharedList(n.List, false) && sharedList(n.ElseList, top)
		case *parse.RangeNode:
			ok = sharedPipe(n.Pipe, top) && sharedList(n.List, false) && sharedList(n.ElseList, top)
		}
		if !ok {
			return false
		}
	}
	return true
}

func sharedPipe(pipe *parse.PipeNode, top bool) bool {
	if pipe == nil {
		return true
	}
	for _, command := range pipe.Cmds {
		for _, arg := range command.Args {
			if !sharedArgument(arg, top) {
				return false
			}
		}
	}
	return true
}

// readsPassword: of a BMC, also of other nodes; not every node may have it.
func readsPassword(fields []string) bool {
	for _, field := range fields {
		if field == "Password" {
			return true
		}
	}
	return false
}

func sharedArgument(arg parse.Node, top bool) bool {
	switch n := arg.(type) {
	case *parse.DotNode:
		return !top
	case *parse.IdentifierNode:
		return n.Ident != "IgnitionJson" && n.Ident != "secret"
	case *parse.FieldNode:
		return !readsPassword(n.Ident) && (!top || sharedFields[n.Ident[0]])
	case *parse.VariableNode:
		return !readsPassword(n.Ident) && (n.Ident[0] != "$" || len(n.Ident) > 1 && sharedFields[n.Ident[1]])
	case *parse.ChainNode:
		return !readsPassword(n.Field) && sharedArgument(n.Node, top)
	case *parse.PipeNode:
		return sharedPipe(n, top)
	}
	return true
}
