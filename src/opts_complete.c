// SPDX-License-Identifier: GPL-2.0-only
/* opts_complete.c - the completions of bash and zsh, from the table */
#include <string.h>

#include "opts_table.h"

/* "-o|--output", for a bash case. */
static void print_pattern(FILE *out, const struct option_row *row, const char *between)
{
	fprintf(out, "%s", between);
	if (row->letter)
		fprintf(out, "-%c|", row->letter);
	fprintf(out, "--%s", row->name);
}

static bool has_files(const struct option_row *row)
{
	return strstr(row->values, "<file>") != NULL;
}

/* The words of row->values without "<file>", which is last if it is there. */
static int words_len(const struct option_row *row)
{
	const char *file = strstr(row->values, "<file>");

	if (!file)
		return (int)strlen(row->values);
	return file == row->values ? 0 : (int)(file - row->values - 1);
}

/* Words of a command's own; case does not count, as it does not when they are read. */
static void print_bash_operands(FILE *out)
{
	for (int id = CMD_NONE + 1; id < CMD_MAX; id++) {
		const char *word;

		if (!opts_operands[id].word)
			continue;
		fprintf(out,
			"\tif [[ ${COMP_WORDS[1]} == %s && $COMP_CWORD -gt 1 && "
			"$cur != -* ]]; then\n",
			opts_commands[id].name);
		fprintf(out, "\t\tcur=${cur,,}\n"
			     "\t\tmapfile -t COMPREPLY < <(compgen -W '");
		for (size_t i = 0; (word = opts_operands[id].word(i)); i++)
			fprintf(out, "%s%s", i ? " " : "", word);
		fprintf(out, "' -- \"${cur//-/_}\")\n\t\treturn\n\tfi\n");
	}
}

static void print_bash(FILE *out)
{
	const char *between = "\t";

	fprintf(out, "# bash completion for tcpconnstate, made by: tcpconnstate --completion bash\n"
		     "_tcpconnstate() {\n"
		     "\tlocal cur=${COMP_WORDS[COMP_CWORD]} before=\n"
		     "\tlocal prev=${COMP_WORDS[COMP_CWORD-1]}\n"
		     "\tif [[ $cur == = ]]; then\n"
		     "\t\tcur=\n"
		     "\telif [[ $prev == = ]]; then\n"
		     "\t\tprev=${COMP_WORDS[COMP_CWORD-2]}\n"
		     "\tfi\n"
		     "\tcase $prev in\n");
	for (size_t i = 0; i < opts_table_len; i++) {
		const struct option_row *row = &opts_table[i];

		if (!row->arg || !row->values)
			continue;
		print_pattern(out, row, "\t");
		fprintf(out, ")\n");
		/* A list is completed behind its last comma and a '!'. */
		if (row->values == opts_state_words)
			fprintf(out, "\t\t[[ $cur == *,* ]] && before=${cur%%,*},\n"
				     "\t\tcur=${cur##*,}\n"
				     "\t\t[[ $cur == !* ]] && before+='!' && cur=${cur#!}\n");
		fprintf(out, "\t\tmapfile -t COMPREPLY < <(compgen -P \"$before\" %s-W '%.*s' -- ",
			has_files(row) ? "-f " : "", words_len(row), row->values);
		fprintf(out, "\"$cur\")\n");
		if (has_files(row))
			fprintf(out, "\t\tcompopt -o filenames\n");
		fprintf(out, "\t\treturn ;;\n");
	}
	for (size_t i = 0; i < opts_table_len; i++) {
		if (!opts_table[i].arg || opts_table[i].values)
			continue;
		print_pattern(out, &opts_table[i], between);
		between = "|";
	}
	fprintf(out, ")\n\t\treturn ;;\n\tesac\n");
	print_bash_operands(out);
	fprintf(out, "\tlocal words='");
	for (size_t i = 0; i < opts_table_len; i++)
		fprintf(out, "%s--%s", i ? " " : "", opts_table[i].name);
	fprintf(out, "'\n\t((COMP_CWORD == 1)) && words+='");
	for (int id = CMD_NONE + 1; id < CMD_MAX; id++)
		fprintf(out, " %s", opts_commands[id].name);
	fprintf(out, "'\n"
		     "\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
		     "}\n"
		     "complete -F _tcpconnstate tcpconnstate\n");
}

/* Inside '...[help]...' of _arguments. */
static void print_zsh_text(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '\'') {
			fprintf(out, "'\\''");
			continue;
		}
		if (strchr("[]:\\", *text))
			fputc('\\', out);
		fputc(*text, out);
	}
}

static const char *zsh_help(size_t i)
{
	while (!opts_table[i].help)
		i++;
	return opts_table[i].help;
}

static void print_zsh_operands(FILE *out)
{
	for (int id = CMD_NONE + 1; id < CMD_MAX; id++) {
		const char *word;

		if (!opts_operands[id].word)
			continue;
		fprintf(out,
			" \\\n\t'*:name:{ [[ $words[2] == %s ]] && "
			"compadd -M \"m:{A-Z-}={a-z_}\" -",
			opts_commands[id].name);
		for (size_t i = 0; (word = opts_operands[id].word(i)); i++)
			fprintf(out, " %s", word);
		fprintf(out, " }'");
	}
}

static void print_zsh(FILE *out)
{
	fprintf(out, "#compdef tcpconnstate\n"
		     "# zsh completion for tcpconnstate, made by: tcpconnstate --completion zsh\n"
		     "_arguments -s -S");
	for (size_t i = 0; i < opts_table_len; i++) {
		const struct option_row *row = &opts_table[i];

		fprintf(out, " \\\n\t");
		/* '+' and '=': the value may follow at once, "-L80" and "--localport=80". */
		if (row->letter)
			fprintf(out, "{-%c%s,--%s%s}'[", row->letter, row->arg ? "+" : "",
				row->name, row->arg ? "=" : "");
		else
			fprintf(out, "'--%s%s[", row->name, row->arg ? "=" : "");
		print_zsh_text(out, zsh_help(i));
		fprintf(out, "]");
		if (row->arg)
			fprintf(out, ":%s:", row->arg);
		if (row->values && row->values == opts_state_words)
			fprintf(out, "_sequence compadd - %.*s", words_len(row), row->values);
		else if (row->values && has_files(row))
			fprintf(out, "_files");
		else if (row->values)
			fprintf(out, "(%.*s)", words_len(row), row->values);
		fprintf(out, "'");
	}
	fprintf(out, " \\\n\t'1:command:(");
	for (int id = CMD_NONE + 1; id < CMD_MAX; id++)
		fprintf(out, "%s%s", id == CMD_NONE + 1 ? "" : " ", opts_commands[id].name);
	fprintf(out, ")'");
	print_zsh_operands(out);
	fprintf(out, "\n");
}

void opts_print_completion(FILE *out, enum opts_shell shell)
{
	if (shell == OPTS_ZSH)
		print_zsh(out);
	else
		print_bash(out);
}
