//! `tagwise watch`: values as they change, through the very link that an adapter has.

use std::{
    io::{self, IsTerminal as _, Write as _},
    sync::Arc,
    time::Duration,
};

use tokio::time::{self, Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::{
    connection::{Target, usage},
    entry::{DONE, FAILED},
    online_args::Watch,
    run::block_on,
    signals::StopSignals,
    watch_table::{Table, line},
};
use crate::{
    config::effective::Tag,
    domain::TagUpdate,
    opcua::{NamespaceMemory, OpcUaLink},
    pipeline::ingress::{self, IngressReceiver, ingress},
    supervisor::Board,
    telemetry::Metrics,
};

/// How often a table is drawn at most; faster than this nobody reads.
const REDRAW: Duration = Duration::from_millis(200);
/// Longer than any process runs.
const FOR_EVER: Duration = Duration::from_hours(24 * 365 * 30);

/// Watches until told to stop; 1 when less came than was asked for.
pub(super) fn watch(arguments: &Watch) -> anyhow::Result<u8> {
    let target = match arguments.connection.target(arguments.places.clone())? {
        Ok(target) => target,
        Err(code) => return Ok(code),
    };
    let tags = match tags(&target) {
        Ok(tags) if !tags.is_empty() => tags,
        Ok(_) => return usage("a node is due, such as 'nsu=urn:plc;s=Speed'"),
        Err(message) => return usage(&message),
    };
    let received = block_on(run(&target, tags, arguments))?;
    let wanted = arguments.count.unwrap_or(1);
    if received < wanted {
        tracing::error!(received, wanted, "fewer values came than were waited for");
        return Ok(FAILED);
    }
    Ok(DONE)
}

/// What the arguments name; of a mapping without arguments, all its tags.
fn tags(target: &Target) -> Result<Vec<Tag>, String> {
    if target.places.is_empty() {
        return Ok(target.tags.clone());
    }
    let of_mapping = |name: &String| target.tags.iter().find(|tag| tag.name.as_str() == name).cloned();
    let nothing = NamespaceMemory::default();
    let tag = |name: &String| match of_mapping(name) {
        Some(tag) => Ok(tag),
        None => Ok(Tag::new(name, target.place(name, &nothing)?)),
    };
    target.places.iter().map(tag).collect()
}

/// Returns how many values came.
async fn run(target: &Target, tags: Vec<Tag>, arguments: &Watch) -> anyhow::Result<u64> {
    let signals = StopSignals::listen()?;
    let tags: Arc<[Tag]> = tags.into();
    let board = Arc::new(Board::new(tags.len()));
    let (sender, receiver) = ingress(ingress::MAX_WAITING_VALUES);
    let metrics = Arc::new(Metrics::new(&target.adapter_id));
    let memory = target.memory(&tags)?;
    let (link, _) = OpcUaLink::new(
        target.opcua.clone(),
        &target.adapter_id,
        Arc::clone(&tags),
        sender,
        Arc::clone(&board),
        metrics,
    );
    let cancel = CancellationToken::new();
    let link = tokio::spawn(link.remembering(memory).run(cancel.clone()));
    let mut view = View::new(&tags, board);
    let shown = tokio::select! {
        shown = view.show(receiver, arguments) => shown,
        () = signals.first() => Ok(()),
    };
    cancel.cancel();
    link.await?;
    shown?;
    // A signal ends a watch without a limit as it should be ended.
    Ok(if arguments.count.is_none() && arguments.duration.is_none() { view.received.max(1) } else { view.received })
}

/// Where the values go.
struct View {
    tags: Arc<[Tag]>,
    board: Arc<Board>,
    /// On a terminal, what stands there.
    table: Option<Table>,
    received: u64,
}

impl View {
    fn new(tags: &Arc<[Tag]>, board: Arc<Board>) -> Self {
        let table = io::stdout().is_terminal().then(|| Table::new(tags));
        Self { tags: Arc::clone(tags), board, table, received: 0 }
    }

    /// Shows values until there are enough, time is up, or nobody reads on.
    async fn show(&mut self, mut receiver: IngressReceiver, arguments: &Watch) -> io::Result<()> {
        let end = Instant::now() + arguments.duration.unwrap_or(FOR_EVER).min(FOR_EVER);
        let most = arguments.count.unwrap_or(u64::MAX);
        let mut ticks = time::interval(REDRAW);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while self.received < most {
            let outcome = tokio::select! {
                batch = receiver.receive() => match batch {
                    Some(batch) => self.take(&batch, most),
                    None => return Ok(()),
                },
                _ = ticks.tick(), if self.table.is_some() => self.draw(),
                () = time::sleep_until(end) => break,
            };
            match outcome {
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
                outcome => outcome?,
            }
        }
        if self.table.is_some() { self.draw() } else { Ok(()) }
    }

    fn take(&mut self, batch: &[TagUpdate], most: u64) -> io::Result<()> {
        let mut text = String::new();
        for update in batch {
            if self.received == most {
                break;
            }
            self.received += 1;
            match &mut self.table {
                Some(table) => table.take(update),
                None => text.push_str(&line(&self.tags[update.tag.index()], update)),
            }
        }
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes()).and_then(|()| out.flush())
    }

    fn draw(&mut self) -> io::Result<()> {
        let Some(table) = &mut self.table else { return Ok(()) };
        let size = terminal_size::terminal_size().map(|(width, height)| (width.0.into(), height.0.into()));
        let text = table.redraw(&self.board.snapshot(), size.unwrap_or((80, 24)));
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes()).and_then(|()| out.flush())
    }
}
