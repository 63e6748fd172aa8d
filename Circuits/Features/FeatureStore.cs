using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Data.Sqlite;
using Prisma.Core;

namespace Prisma.Circuits;

/// <summary>
/// Catalogues of features as SQLite files. Tables:
/// <list type="bullet">
/// <item><c>meta(key, value)</c>: schema version, layout of tokens, sums over all features, and whatever the writer says of model and coder.</item>
/// <item><c>pictures(id, path)</c>.</item>
/// <item><c>features(id, fires, pictures, density, mean, deviation, highest, q10 … q99, energy, length, sum, squares, histogram)</c>: density is the
/// share of vectors; energy the mean squared length of what the feature writes, length what it writes per unit of activation; mean, deviation and quantiles are of activations that are not zero (quantiles within 3 %); histogram holds pairs of a
/// bin's lower edge (float32) and its count (int64), little-endian.</item>
/// <item><c>examples(feature, rank, picture, highest, total, tokens, peak, activations)</c>: rank 1 is the strongest picture; activations is one
/// little-endian float32 for each of the coder's tokens.</item>
/// </list>
/// </summary>
public static class FeatureStore
{
    /// <summary>The version of the tables.</summary>
    public const int Schema = 1;

    private static readonly double[] s_quantiles = [.1, .25, .5, .75, .9, .99];

    private const string Tables = """
        CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
        CREATE TABLE pictures (id INTEGER PRIMARY KEY, path TEXT NOT NULL);
        CREATE TABLE features (id INTEGER PRIMARY KEY, fires INTEGER NOT NULL, pictures INTEGER NOT NULL, density REAL NOT NULL, mean REAL, deviation REAL,
          highest REAL NOT NULL, q10 REAL, q25 REAL, q50 REAL, q75 REAL, q90 REAL, q99 REAL, energy REAL NOT NULL, length REAL NOT NULL, sum REAL NOT NULL, squares REAL NOT NULL, histogram BLOB NOT NULL);
        CREATE TABLE examples (feature INTEGER NOT NULL REFERENCES features(id), rank INTEGER NOT NULL, picture INTEGER NOT NULL REFERENCES pictures(id),
          highest REAL NOT NULL, total REAL NOT NULL, tokens INTEGER NOT NULL, peak INTEGER NOT NULL, activations BLOB NOT NULL, PRIMARY KEY (feature, rank)) WITHOUT ROWID;
        CREATE INDEX examples_by_picture ON examples(picture);
        CREATE INDEX features_by_energy ON features(energy);
        """;

    static FeatureStore() => SQLitePCL.Batteries_V2.Init();

    /// <summary>Writes a catalogue; the file appears complete or not at all.</summary>
    /// <param name="path">The file.</param>
    /// <param name="catalogue">What was gathered.</param>
    /// <param name="meta">What else to say of it: model, coder, options.</param>
    /// <param name="existing">Whether a file that is there may be replaced.</param>
    /// <exception cref="PrismaException">The file exists and may not be replaced, or cannot be written.</exception>
    public static void Save(string path, FeatureCatalogue catalogue, IReadOnlyDictionary<string, string> meta, ExistingFile existing = ExistingFile.Refuse)
    {
        ArgumentNullException.ThrowIfNull(catalogue);
        ArgumentNullException.ThrowIfNull(meta);
        var full = Path.GetFullPath(path);
        if (existing == ExistingFile.Refuse && File.Exists(full)) throw new PrismaException($"'{full}' exists already and is not overwritten. Remove it, choose another name, or use --force.");
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        // Built beside it under a name of its own, then renamed; a killed run leaves at most this file, which the next run replaces.
        var building = full + ".building";
        try
        {
            File.Delete(building);
            Write(building, catalogue, meta);
            File.Move(building, full, overwrite: existing == ExistingFile.Replace);
        }
        catch (Exception error) when (error is SqliteException or IOException or UnauthorizedAccessException)
        {
            File.Delete(building);
            throw new PrismaException($"Cannot write '{full}': {error.Message}", error);
        }
    }

    /// <summary>Reads a catalogue and what is said of it.</summary>
    /// <exception cref="CheckpointException">The file is missing, damaged, or no catalogue of this version.</exception>
    public static (FeatureCatalogue Catalogue, IReadOnlyDictionary<string, string> Meta) Load(string path)
    {
        if (!File.Exists(path)) throw new CheckpointException($"There is no catalogue of features '{path}'.");
        try
        {
            using var connection = Open(path, SqliteOpenMode.ReadOnly);
            var meta = Rows(connection, "SELECT key, value FROM meta", row => (row.GetString(0), row.GetString(1))).ToDictionary(pair => pair.Item1, pair => pair.Item2, StringComparer.Ordinal);
            if (meta.GetValueOrDefault("schema") != $"{Schema}")
                throw new CheckpointException($"'{path}' has tables of version {meta.GetValueOrDefault("schema", "none")}; this program reads version {Schema}. Build the catalogue anew.");
            var catalogue = new FeatureCatalogue(Number(meta, "features"), Number(meta, "examples"), Rows(connection, "SELECT length FROM features ORDER BY id", row => row.GetFloat(0)))
            {
                Rows = long.Parse(meta["rows"], CultureInfo.InvariantCulture),
                FirstToken = Number(meta, "first_token"),
                Layout = LayoutOf(meta.GetValueOrDefault("layout", "")),
            };
            catalogue.Restore(Rows(connection, "SELECT path FROM pictures ORDER BY id", row => row.GetString(0)));
            _ = Rows(connection, "SELECT id, fires, pictures, sum, squares, highest, histogram FROM features", row => Fill(catalogue.Features[row.GetInt32(0)], row));
            foreach (var (feature, example) in Rows(connection, "SELECT feature, picture, highest, total, tokens, peak, activations FROM examples ORDER BY feature, rank", Example))
                catalogue.Features[feature].Keep(example, catalogue.Examples);
            return (catalogue, meta);
        }
        catch (Exception error) when (error is SqliteException or KeyNotFoundException or FormatException or IndexOutOfRangeException or InvalidCastException)
        {
            throw new CheckpointException($"'{path}' is no catalogue of features, or it is damaged: {error.Message}", error);
        }
    }

    private static void Write(string path, FeatureCatalogue catalogue, IReadOnlyDictionary<string, string> meta)
    {
        using var connection = Open(path, SqliteOpenMode.ReadWriteCreate);
        Execute(connection, Tables);
        using var transaction = connection.BeginTransaction();
        var layout = catalogue.Layout is { } at ? $"{at.Prefix},{at.Frames},{at.Rows},{at.Columns},{at.PatchHeight},{at.PatchWidth},{at.Tubelet},{at.Order}" : "";
        var own = new Dictionary<string, string>(meta, StringComparer.Ordinal)
        {
            ["schema"] = $"{Schema}",
            ["features"] = $"{catalogue.Features.Count}",
            ["examples"] = $"{catalogue.Examples}",
            ["rows"] = $"{catalogue.Rows}",
            ["first_token"] = $"{catalogue.FirstToken}",
            ["layout"] = layout,
        };
        Insert(connection, transaction, "INSERT INTO meta VALUES ($0, $1)", own.Select(object?[] (pair) => [pair.Key, pair.Value]));
        Insert(connection, transaction, "INSERT INTO pictures VALUES ($0, $1)", catalogue.Pictures.Select(object?[] (name, k) => [k, name]));
        Insert(connection, transaction, "INSERT INTO features VALUES ($0, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)", catalogue.Features.Select(object?[] (tally, k) =>
        [
            k, tally.Fires, tally.Pictures, catalogue.Density(k), Defined(tally.Mean), Defined(tally.Deviation), tally.Highest,
            .. s_quantiles.Select(share => Defined(tally.Histogram.Quantile(share))), catalogue.Energy(k), catalogue.Lengths[k], tally.Sum, tally.Squares, Packed(tally.Histogram),
        ]));
        Insert(connection, transaction, "INSERT INTO examples VALUES ($0, $1, $2, $3, $4, $5, $6, $7)", catalogue.Features.SelectMany((tally, k) => tally.Examples.Select(object?[] (example, rank) =>
            [k, rank + 1, example.Picture, example.Highest, example.Total, example.Tokens, example.Peak, MemoryMarshal.AsBytes<float>([.. example.Activations]).ToArray()])));
        transaction.Commit();
    }

    private static SqliteConnection Open(string path, SqliteOpenMode mode)
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Mode = mode, Pooling = false }.ToString());
        connection.Open();
        return connection;
    }

    private static void Execute(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        _ = command.ExecuteNonQuery();
    }

    private static void Insert(SqliteConnection connection, SqliteTransaction transaction, string sql, IEnumerable<object?[]> rows)
    {
        using var command = connection.CreateCommand();
        (command.CommandText, command.Transaction) = (sql, transaction);
        foreach (var row in rows)
        {
            command.Parameters.Clear();
            for (var k = 0; k < row.Length; k++) _ = command.Parameters.AddWithValue($"${k}", row[k] ?? DBNull.Value);
            _ = command.ExecuteNonQuery();
        }
    }

    private static List<T> Rows<T>(SqliteConnection connection, string sql, Func<SqliteDataReader, T> read)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        using var reader = command.ExecuteReader();
        var rows = new List<T>();
        while (reader.Read()) rows.Add(read(reader));
        return rows;
    }

    private static bool Fill(FeatureTally tally, SqliteDataReader row)
    {
        (tally.Fires, tally.Pictures, tally.Sum, tally.Squares, tally.Highest) = (row.GetInt64(1), row.GetInt64(2), row.GetDouble(3), row.GetDouble(4), row.GetFloat(5));
        var packed = row.GetFieldValue<byte[]>(6);
        for (var at = 0; at + 12 <= packed.Length; at += 12) tally.Histogram.Add(BitConverter.ToSingle(packed, at), BitConverter.ToInt64(packed, at + 4));
        return true;
    }

    private static (int Feature, FeatureExample Example) Example(SqliteDataReader row) => (row.GetInt32(0), new FeatureExample(
        row.GetInt32(1), row.GetFloat(2), row.GetDouble(3), row.GetInt32(4), row.GetInt32(5), MemoryMarshal.Cast<byte, float>(row.GetFieldValue<byte[]>(6)).ToArray()));

    private static byte[] Packed(ActivationHistogram histogram) => [.. histogram.Bins.SelectMany(bin => (byte[])[.. BitConverter.GetBytes(bin.From), .. BitConverter.GetBytes(bin.Count)])];

    private static double? Defined(double value) => double.IsNaN(value) ? null : value;

    private static int Number(Dictionary<string, string> meta, string key) => int.Parse(meta[key], CultureInfo.InvariantCulture);

    private static TokenLayout? LayoutOf(string text)
    {
        if (text.Length == 0) return null;
        var parts = text.Split(',');
        int At(int k) => int.Parse(parts[k], CultureInfo.InvariantCulture);
        return new TokenLayout(At(0), At(1), At(2), At(3), At(4), At(5), At(6), Enum.Parse<TokenOrder>(parts[7]));
    }
}
