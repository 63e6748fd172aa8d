using System.Text;
using Prisma.Core;

namespace Prisma.Text;

/// <summary>What a piece of a SentencePiece vocabulary is.</summary>
internal enum PieceType
{
    Normal = 1,
    Unknown = 2,
    Control = 3,
    UserDefined = 4,
    Unused = 5,
    Byte = 6,
}

/// <summary>A SentencePiece model as its file has it (a serialised <c>ModelProto</c>).</summary>
internal sealed class SentencePieceFile
{
    public List<(string Text, float Score, PieceType Type)> Pieces { get; } = [];
    public bool IsBpe { get; private set; }
    public bool TakesBytes { get; private set; }
    public bool AddsBlank { get; private set; } = true;
    public bool RemovesExtraBlanks { get; private set; } = true;
    public bool EscapesBlanks { get; private set; } = true;
    public string UnknownShown { get; private set; } = " \u2047 ";
    public int Unknown { get; private set; }
    public int Start { get; private set; } = 1;
    public int End { get; private set; } = 2;
    public int Padding { get; private set; } = -1;
    public CharacterMap Characters { get; private set; } = CharacterMap.Read([], text => new CheckpointException(text));

    public static SentencePieceFile Read(string path)
    {
        try
        {
            var file = new SentencePieceFile();
            var message = new ProtoReader(File.ReadAllBytes(path));
            while (message.Next())
            {
                switch (message.Field)
                {
                    case 1: file.Pieces.Add(Piece(message.Bytes)); break;
                    case 2: file.ReadTrainer(message.Bytes, path); break;
                    case 3: file.ReadNormalizer(message.Bytes, path); break;
                }
            }
            if (file.Pieces.Count == 0) throw new CheckpointException($"{path}: no pieces in it; not a SentencePiece model.");
            if (file.Pieces.Any(piece => piece.Type == PieceType.Unused)) throw new PrismaException($"{path}: vocabularies with unused pieces are not built.");
            var unknown = file.Pieces.FindIndex(piece => piece.Type == PieceType.Unknown);
            file.Unknown = unknown >= 0 ? unknown : throw new CheckpointException($"{path}: the vocabulary has no unknown piece.");
            return file;
        }
        catch (FormatException fault)
        {
            throw new CheckpointException($"{path}: damaged, or no SentencePiece model ({fault.Message}).", fault);
        }
    }

    private static (string Text, float Score, PieceType Type) Piece(ReadOnlySpan<byte> bytes)
    {
        var (text, score, type) = ("", 0f, PieceType.Normal);
        var message = new ProtoReader(bytes);
        while (message.Next())
        {
            if (message.Field == 1) text = Encoding.UTF8.GetString(message.Bytes);
            else if (message.Field == 2) score = message.Single;
            else if (message.Field == 3) type = (PieceType)message.Number;
        }
        return (text, score, type);
    }

    private void ReadTrainer(ReadOnlySpan<byte> bytes, string path)
    {
        var message = new ProtoReader(bytes);
        while (message.Next())
        {
            switch (message.Field)
            {
                case 3 when message.Number is 1 or 2: IsBpe = message.Number == 2; break;
                case 3: throw new PrismaException($"{path}: SentencePiece models of words or characters are not built; unigram and BPE are.");
                case 24 when message.Number != 0: throw new PrismaException($"{path}: blanks that end words (treat_whitespace_as_suffix) are not built.");
                case 35: TakesBytes = message.Number != 0; break;
                case 41: Start = (int)(long)message.Number; break;
                case 42: End = (int)(long)message.Number; break;
                case 43: Padding = (int)(long)message.Number; break;
                case 44: UnknownShown = Encoding.UTF8.GetString(message.Bytes); break;
            }
        }
    }

    private void ReadNormalizer(ReadOnlySpan<byte> bytes, string path)
    {
        var message = new ProtoReader(bytes);
        while (message.Next())
        {
            switch (message.Field)
            {
                case 2: Characters = CharacterMap.Read(message.Bytes, text => new CheckpointException($"{path}: {text}.")); break;
                case 3: AddsBlank = message.Number != 0; break;
                case 4: RemovesExtraBlanks = message.Number != 0; break;
                case 5: EscapesBlanks = message.Number != 0; break;
            }
        }
    }
}
