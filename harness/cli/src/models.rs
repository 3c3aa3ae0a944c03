//! Backends with a model: from settings to something that generates.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context as _, Result};
use backends::Asking;
use backends::http::{Http, HttpAuthor, HttpOptions, RequestLog};
use backends::process::{Process, ProcessOptions};
use harness::config::{Api, BackendChoice, ModelSettings, Settings};
use harness::contract::Generator;
use harness::error_chain;
use harness::problem::Problem;
use harness::prompt::{PromptStyle, Template, TemplateChoice};
use harness::store::{ModelRecord, RunDirectory, sha256_of_file};
use harness::training::{Device, Precision};

use crate::arguments::MODEL_GUARD;
use crate::context::own_executable;
use crate::exit::usage;

/// The program that runs checkpoints, made by `make torch`.
const TORCH_PROGRAM: &str = "coderl-torch";

/// Wait before the second try of a request; OpenAI's own client begins with half of it.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// A model and how it is reached, with everything there that is needed.
#[derive(Clone, Debug)]
pub(crate) struct ModelSource {
    pub(crate) backend: BackendChoice,
    /// As the user named it.
    pub(crate) name: String,
    place: Place,
}

#[derive(Clone, Debug)]
enum Place {
    Server { base_url: String },
    Child { command: Vec<OsString> },
}

impl ModelSource {
    /// The model that `settings` name.
    pub(crate) fn new(backend: BackendChoice, settings: &Settings) -> Result<Self> {
        let settings = &settings.model;
        let needs = |what: &str| {
            usage(format!(
                "`--backend {backend}` needs {what}; `coderl help run` explains each"
            ))
        };
        let model = settings.model.clone();
        let (name, place) = match backend {
            BackendChoice::Http => {
                let base_url = settings
                    .base_url
                    .clone()
                    .or_else(|| std::env::var("OPENAI_BASE_URL").ok())
                    .filter(|url| !url.is_empty())
                    .ok_or_else(|| needs("a server: --base-url URL, or OPENAI_BASE_URL"))?;
                let model =
                    model.ok_or_else(|| needs("--model, the model's name on the server"))?;
                (model, Place::Server { base_url })
            }
            BackendChoice::Process => {
                let command = settings.command.as_deref();
                let command = command.ok_or_else(|| needs("--command, what to start"))?;
                let parts: Vec<OsString> = shlex::split(command)
                    .filter(|parts| !parts.is_empty())
                    .ok_or_else(|| {
                        usage(format!(
                            "--command `{command}` is empty or has a quotation mark too few"
                        ))
                    })?
                    .into_iter()
                    .map(OsString::from)
                    .collect();
                let name = model.unwrap_or_else(|| "process".to_owned());
                (name, Place::Child { command: parts })
            }
            BackendChoice::Torch => {
                let model = model.ok_or_else(|| needs("--model, a name or a folder"))?;
                let command = torch_command(OsStr::new(&model), settings)?;
                (model, Place::Child { command })
            }
            BackendChoice::Replay | BackendChoice::Reference => {
                return Err(needs("no model"));
            }
        };
        Ok(Self {
            backend,
            name,
            place,
        })
    }

    /// What the manifest says of it.
    pub(crate) fn record(&self, settings: &Settings) -> Result<ModelRecord> {
        let (template, template_sha256) = match template(self.backend, settings) {
            TemplateChoice::Auto => ("auto".to_owned(), None),
            TemplateChoice::BuiltIn(template) => (template.to_string(), None),
            TemplateChoice::File(path) => {
                // What it is is told when it is read.
                let sha256 = sha256_of_file(&path).ok();
                (path.display().to_string(), sha256)
            }
        };
        let place = match &self.place {
            Place::Server { base_url } => backends::http::without_credentials(base_url),
            Place::Child { command } => {
                let parts: Vec<_> = command.iter().map(|part| part.to_string_lossy()).collect();
                parts.join(" ")
            }
        };
        let request = match &self.place {
            Place::Server { .. } => Some(serde_json::json!({
                "api": settings.model.api,
                "choices_per_request": settings.model.choices_per_request,
                "extra": settings.model.request_extra,
            })),
            Place::Child { .. } => None,
        };
        Ok(ModelRecord {
            name: self.name.clone(),
            place: Some(place),
            sha256: None,
            template,
            template_sha256,
            decoding: settings.sampling.decoding(),
            request,
        })
    }

    /// Finds out what is wrong with the settings before anything is begun.
    pub(crate) fn check(
        &self,
        settings: &Settings,
        dataset: &[Problem],
        problems: &[Problem],
    ) -> Result<()> {
        let asking = self.asking(settings, dataset)?;
        if let Place::Server { base_url } = &self.place {
            let http = Http::new(self.http_options(base_url, settings), asking, None)?;
            if let Some(problem) = problems.first() {
                http.check(problem)
                    .map_err(|error| usage(error_chain(&*error)))?;
            }
        }
        Ok(())
    }

    /// How problems are put to it.
    pub(crate) fn asking(&self, settings: &Settings, dataset: &[Problem]) -> Result<Asking> {
        let choice = template(self.backend, settings);
        let style =
            PromptStyle::new(&choice, dataset).map_err(|error| usage(error_chain(&error)))?;
        Ok(Asking {
            model: self.name.clone(),
            style,
            decoding: settings.sampling.decoding(),
            run_seed: settings.sampling.seed,
        })
    }

    /// Something that generates with it. A child tells what its model is, and `directory` that
    /// it is still the same.
    pub(crate) fn open(
        &self,
        settings: &Settings,
        dataset: &[Problem],
        directory: &mut RunDirectory,
    ) -> Result<Box<dyn Generator>> {
        let asking = self.asking(settings, dataset)?;
        match &self.place {
            Place::Server { base_url } => {
                let log = RequestLog::new(directory.requests()?);
                let options = self.http_options(base_url, settings);
                Ok(Box::new(Http::new(options, asking, Some(log))?))
            }
            Place::Child { .. } => {
                let mut process = self.process(settings, asking)?;
                if let Some(sha256) = process.ready()?.model_sha256.clone() {
                    directory.note_model_sha256(&sha256)?;
                }
                Ok(Box::new(process))
            }
        }
    }

    /// What writes programs for a strategy, where the model is behind a server.
    pub(crate) fn author(
        &self,
        settings: &Settings,
        asking: &Asking,
        problems: &[Problem],
        directory: &RunDirectory,
        cancel: Arc<AtomicBool>,
    ) -> Option<Result<HttpAuthor>> {
        let Place::Server { base_url } = &self.place else {
            return None;
        };
        let options = self.http_options(base_url, settings);
        Some(directory.requests().map_err(Into::into).and_then(|log| {
            let log = Some(RequestLog::new(log));
            Ok(HttpAuthor::new(options, asking, problems, log, cancel)?)
        }))
    }

    /// The child process, where it is one.
    pub(crate) fn child(&self, settings: &Settings, asking: Asking) -> Option<Result<Process>> {
        match &self.place {
            Place::Server { .. } => None,
            Place::Child { .. } => Some(self.process(settings, asking)),
        }
    }

    fn process(&self, settings: &Settings, asking: Asking) -> Result<Process> {
        let options = Self::child_options(self.child_command()?, settings)?;
        Ok(Process::new(self.backend.name(), options, asking))
    }

    /// What to start, where it is a child process.
    pub(crate) fn child_command(&self) -> Result<Vec<OsString>> {
        match &self.place {
            Place::Child { command } => Ok(command.clone()),
            Place::Server { .. } => anyhow::bail!("a server is no child process"),
        }
    }

    /// How to start `command`.
    pub(crate) fn child_options(
        command: Vec<OsString>,
        settings: &Settings,
    ) -> Result<ProcessOptions> {
        let settings = &settings.model;
        Ok(ProcessOptions {
            command,
            guard: Some(vec![own_executable()?.into(), MODEL_GUARD.into()]),
            start_timeout: settings.start_timeout,
            idle_timeout: settings.idle_timeout,
            // A child says itself how many it takes.
            max_in_flight: usize::MAX,
        })
    }

    fn http_options(&self, base_url: &str, settings: &Settings) -> HttpOptions {
        let settings = &settings.model;
        HttpOptions {
            base_url: base_url.to_owned(),
            api_key: std::env::var("OPENAI_API_KEY")
                .ok()
                .filter(|key| !key.is_empty()),
            api: settings.api,
            choices_per_request: settings.choices_per_request,
            max_in_flight: settings.max_in_flight,
            request_timeout: settings.request_timeout,
            max_retries: settings.max_retries,
            first_wait: FIRST_WAIT,
            extra: settings.request_extra.clone().into_iter().collect(),
        }
    }
}

/// The template in force: a server that answers conversations is asked in one.
pub(crate) fn template(backend: BackendChoice, settings: &Settings) -> TemplateChoice {
    match (&settings.model.template, backend, settings.model.api) {
        (TemplateChoice::Auto, BackendChoice::Http, Api::Chat) => {
            TemplateChoice::BuiltIn(Template::Chat)
        }
        (choice, ..) => choice.clone(),
    }
}

/// Names the engine where it lies elsewhere.
const TORCH_VARIABLE: &str = "CODERL_TORCH";

/// The command that serves the checkpoint `model`.
pub(crate) fn torch_command(model: &OsStr, settings: &ModelSettings) -> Result<Vec<OsString>> {
    let mut command = vec![
        torch_program()?.into_os_string(),
        "serve".into(),
        "--model".into(),
        model.to_owned(),
    ];
    // What is left away is in no manifest, and older runs are gone on with.
    if settings.device != Device::default() {
        command.extend(["--device", settings.device.name()].map(OsString::from));
    }
    if settings.precision != Precision::default() {
        command.extend(["--precision", settings.precision.name()].map(OsString::from));
    }
    Ok(command)
}

/// The engine: the one that the user names, else beside this program, else where the shell
/// would find it.
pub(crate) fn torch_program() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os(TORCH_VARIABLE).filter(|name| !name.is_empty()) {
        let named = PathBuf::from(named);
        if named.is_file() {
            return Ok(named);
        }
        return Err(usage(format!(
            "there is no `{}`, which {TORCH_VARIABLE} names",
            named.display()
        )));
    }
    let own = std::env::current_exe().context("cannot find the program's own file")?;
    let beside = own.parent().map(Path::to_owned);
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    beside
        .into_iter()
        .chain(std::env::split_paths(&on_path))
        .map(|folder| folder.join(TORCH_PROGRAM))
        .find(|file| file.is_file())
        .ok_or_else(|| {
            usage(format!(
                "there is no `{TORCH_PROGRAM}` beside this program or on PATH; `make torch` \
                 builds it"
            ))
        })
}
