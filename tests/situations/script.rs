//! The text of a situation: title, commands, and what each must print.

/// A situation as written down.
pub struct Script {
    /// What happened, in words.
    pub title: String,
    /// What was typed, in order.
    pub steps: Vec<Step>,
}

/// One command.
pub struct Step {
    /// Who types it.
    pub person: String,
    /// What is typed; lines are joined.
    pub command: String,
    /// Whether it must be refused.
    pub refused: bool,
    /// What must be printed.
    pub expected: Vec<String>,
    /// As it stands in the file, to be written again.
    typed: String,
}

impl Script {
    /// Reads a situation.
    pub fn parse(text: &str) -> Script {
        let (title, rest) = text
            .split_once("\n\n")
            .expect("a title, then an empty line");
        let mut steps: Vec<Step> = Vec::new();
        let mut lines = rest.lines();
        while let Some(line) = lines.next() {
            if let Some(expected) = line.strip_prefix("    ") {
                let step = steps.last_mut().expect("a command comes first");
                step.expected.push(expected.to_owned());
                continue;
            }
            if line.trim().is_empty() {
                if let Some(step) = steps.last_mut().filter(|step| !step.expected.is_empty()) {
                    step.expected.push(String::new());
                }
                continue;
            }
            let mut typed = line.to_owned();
            while typed.ends_with('\\') {
                typed.push('\n');
                typed.push_str(lines.next().expect("a line that goes on"));
            }
            let at = typed
                .find(['$', '!'])
                .expect("NAME$ COMMAND or NAME! COMMAND");
            steps.push(Step {
                person: typed[..at].to_owned(),
                command: typed[at + 1..].replace("\\\n", " ").trim().to_owned(),
                refused: typed.as_bytes()[at] == b'!',
                expected: Vec::new(),
                typed,
            });
        }
        for step in &mut steps {
            while step.expected.last().is_some_and(String::is_empty) {
                step.expected.pop();
            }
        }
        Script {
            title: title.to_owned(),
            steps,
        }
    }

    /// The situation as a text again.
    pub fn to_text(&self) -> String {
        let mut text = format!("{}\n\n", self.title);
        for step in &self.steps {
            let before = if step.is_history() && !text.ends_with("\n\n") {
                "\n"
            } else {
                ""
            };
            text.push_str(&format!("{before}{}\n", step.typed));
            for line in &step.expected {
                text.push_str(format!("    {line}").trim_end());
                text.push('\n');
            }
            if step.is_history() {
                text.push('\n');
            }
        }
        format!("{}\n", text.trim_end())
    }
}

impl Step {
    /// Whether all that is printed must be as expected.
    pub fn is_history(&self) -> bool {
        self.command.starts_with("custodes history ")
    }

    /// What was expected and is not in what was said, in that order.
    pub fn misses(&self, said: &str) -> Vec<String> {
        let mut rest = said;
        for line in self.expected.iter().filter(|line| !line.is_empty()) {
            match rest.find(line.as_str()) {
                Some(at) => rest = &rest[at + line.len()..],
                None => {
                    return vec![format!(
                        "{}\nwas expected to say {line:?}, and said:\n{said}",
                        self.command
                    )];
                }
            }
        }
        Vec::new()
    }
}
