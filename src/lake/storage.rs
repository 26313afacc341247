//! Where tables are: a folder, a bucket, or memory.

use std::{fmt, path::Path as Folder, sync::Arc};

use deltalake::{
    DeltaResult, DeltaTable, DeltaTableBuilder, DeltaTableError,
    logstore::{
        LogStore, LogStoreFactory, ObjectStoreRef, StorageConfig, default_logstore,
        logstore_factories,
        object_store::{
            Error, ObjectStore, ObjectStoreExt, PutMode, PutPayload, memory::InMemory, path::Path,
        },
    },
};
use futures::future::join_all;
use object_store::{aws::AmazonS3Builder, client::SpawnedReqwestConnector};
use secrecy::ExposeSecret;
use tokio::runtime::Handle;
use url::Url;
use uuid::Uuid;

use super::{Lake, LakeError, Layer, TableName};
use crate::config::{LakeConfig, Location, S3Config};

/// The root of a lake.
#[derive(Clone)]
pub(super) struct Storage {
    /// Ends with a slash.
    root: Url,
    /// `None` for the local disk.
    store: Option<Arc<dyn ObjectStore>>,
}

/// The object that says with which control store a lake in a bucket is used.
const CLAIM: &str = "barkeep.store";

/// How often, and by how many at a time, it is tried whether only one of them creates an object.
const ROUNDS: usize = 4;
const AT_ONCE: usize = 8;

impl Storage {
    /// Fails with `NotAtomic` if several could create the same object: commits would be lost.
    pub(super) async fn open(config: &LakeConfig) -> Result<Self, LakeError> {
        match &config.location {
            Location::Folder => Ok(Self { root: folder(&config.path)?, store: None }),
            Location::Memory => {
                // With a host, by which the query engine tells stores apart.
                let root = Url::parse("memory://lake/").map_err(misspelt)?;
                Ok(Self { root, store: Some(Arc::new(InMemory::new())) })
            }
            Location::Bucket(url, s3) => {
                let store = bucket(url, s3).map_err(|source| unusable(url, source))?;
                let scheme = Url::parse("s3://").map_err(misspelt)?;
                logstore_factories().insert(scheme, Arc::new(OfBucket));
                let storage = Self { root: url.clone(), store: Some(store) };
                storage.prove_atomic().await?;
                Ok(storage)
            }
        }
    }

    /// Where the table of that name is. Where there are folders its folder is made.
    pub(super) fn table(&self, name: &TableName) -> Result<Url, LakeError> {
        if let Ok(root) = self.root.to_file_path() {
            return folder(&Lake::folder_of(&root, name));
        }
        self.root.join(&format!("{}/{}/", name.layer, name.bare())).map_err(misspelt)
    }

    /// Where the table of that name is, if there is anything.
    pub(super) fn existing(&self, name: &TableName) -> Result<Option<Url>, LakeError> {
        match self.root.to_file_path() {
            Ok(root) if !Lake::folder_of(&root, name).exists() => Ok(None),
            _ => self.table(name).map(Some),
        }
    }

    /// The names below a layer; whether they are tables, only their logs say.
    pub(super) async fn tables(&self, layer: Layer) -> Result<Vec<TableName>, LakeError> {
        let table = |name: &str| TableName::new(layer, name).ok();
        if let Ok(root) = self.root.to_file_path() {
            let below = root.join(layer.as_str());
            let Ok(folders) = std::fs::read_dir(below) else { return Ok(Vec::new()) };
            let names = folders.filter_map(|folder| Some(folder.ok()?.file_name()));
            return Ok(names.filter_map(|name| table(name.to_str()?)).collect());
        }
        let Some(store) = &self.store else { return Ok(Vec::new()) };
        let listed = store.list_with_delimiter(Some(&self.path(layer.as_str()))).await;
        let listed = listed.map_err(|source| unusable(&self.root, source))?;
        Ok(listed.common_prefixes.iter().filter_map(|one| table(one.filename()?)).collect())
    }

    /// The table as of a version, or as of the newest one.
    pub(super) async fn load(
        &self,
        url: &Url,
        version: Option<u64>,
    ) -> Result<DeltaTable, DeltaTableError> {
        let builder = self.builder(url)?;
        match version {
            Some(version) => builder.with_version(version).load().await,
            None => builder.load().await,
        }
    }

    pub(super) fn builder(&self, url: &Url) -> Result<DeltaTableBuilder, DeltaTableError> {
        let builder = DeltaTableBuilder::from_url(url.clone())?;
        Ok(match &self.store {
            None => builder,
            Some(store) => builder.with_storage_backend(store.clone(), url.clone()),
        })
    }

    /// Says that a lake in a bucket is used with that control store. Fails with `Claimed` if it is
    /// used with another one.
    pub(super) async fn claim(&self, control_store: &str) -> Result<(), LakeError> {
        let Some(store) = self.store.as_ref().filter(|_| self.root.scheme() == "s3") else {
            return Ok(());
        };
        let failed = |source| unusable(&self.root, source);
        let claim = self.path(CLAIM);
        let said = control_store.to_owned().into();
        match store.put_opts(&claim, said, PutMode::Create.into()).await {
            Ok(_) => Ok(()),
            Err(Error::AlreadyExists { .. }) => {
                let said =
                    store.get(&claim).await.map_err(failed)?.bytes().await.map_err(failed)?;
                let is_ours = said == control_store.as_bytes();
                let claimed = || LakeError::Claimed { claim: format!("{}{CLAIM}", self.root) };
                is_ours.then_some(()).ok_or_else(claimed)
            }
            Err(source) => Err(failed(source)),
        }
    }

    /// Has several create the same object at the same time; of each round one may succeed.
    async fn prove_atomic(&self) -> Result<(), LakeError> {
        let Some(store) = &self.store else { return Ok(()) };
        for _ in 0..ROUNDS {
            let probe = self.path(&format!("_barkeep_probe_{}", Uuid::now_v7()));
            let attempts = (0..AT_ONCE).map(|number| {
                let said = PutPayload::from(number.to_string());
                store.put_opts(&probe, said, PutMode::Create.into())
            });
            let outcomes = join_all(attempts).await;
            store.delete(&probe).await.ok();
            let mut created = 0;
            for outcome in outcomes {
                match outcome {
                    Ok(_) => created += 1,
                    Err(Error::AlreadyExists { .. }) => {}
                    Err(source) => return Err(unusable(&self.root, source)),
                }
            }
            if created != 1 {
                return Err(LakeError::NotAtomic { url: self.root.to_string(), created });
            }
        }
        Ok(())
    }

    fn path(&self, name: &str) -> Path {
        let path = format!("{}{name}", self.root.path());
        Path::from_url_path(&path).unwrap_or_else(|_| Path::from(path))
    }
}

impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Storage").field(&self.root.as_str()).finish()
    }
}

/// Where it is, as people write it.
impl fmt::Display for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.root.as_str())
    }
}

fn folder(folder: &Folder) -> Result<Url, LakeError> {
    let failed = |source| LakeError::Folder { path: folder.display().to_string(), source };
    std::fs::create_dir_all(folder).map_err(failed)?;
    let absolute = folder.canonicalize().map_err(failed)?;
    Url::from_directory_path(absolute)
        .map_err(|()| failed(std::io::Error::other("the path is not absolute")))
}

/// Without a key of its own all that is not set comes from the environment, or from the machine's role.
fn bucket(url: &Url, s3: &S3Config) -> Result<Arc<dyn ObjectStore>, Error> {
    let is_own = !s3.access_key_id.is_empty();
    // A token from the environment belongs to a key from there.
    let builder = if is_own { AmazonS3Builder::new() } else { AmazonS3Builder::from_env() };
    let mut builder = builder
        .with_bucket_name(url.host_str().unwrap_or_default())
        // Whoever asks first, the connection stays when a query ends.
        .with_http_connector(SpawnedReqwestConnector::new(Handle::current()));
    if !s3.endpoint.is_empty() {
        builder = builder.with_endpoint(&s3.endpoint);
        builder = builder.with_allow_http(s3.endpoint.starts_with("http://"));
    }
    if !s3.region.is_empty() {
        builder = builder.with_region(&s3.region);
    }
    if is_own {
        builder = builder.with_access_key_id(&s3.access_key_id);
    }
    if let Some(secret) = &s3.secret_access_key {
        builder = builder.with_secret_access_key(secret.expose_secret());
    }
    Ok(Arc::new(builder.build()?))
}

/// A log in a bucket is like one in a folder, as objects are created only if there are none.
struct OfBucket;

impl LogStoreFactory for OfBucket {
    fn with_options(
        &self,
        prefixed_store: ObjectStoreRef,
        root_store: ObjectStoreRef,
        location: &Url,
        options: &StorageConfig,
    ) -> DeltaResult<Arc<dyn LogStore>> {
        Ok(default_logstore(prefixed_store, root_store, location, options))
    }
}

fn unusable(url: &Url, source: Error) -> LakeError {
    LakeError::Storage { url: url.to_string(), source: Box::new(source) }
}

fn misspelt(error: url::ParseError) -> LakeError {
    let source = std::io::Error::other(error.to_string());
    LakeError::Folder { path: "of a table".to_owned(), source }
}
