using System.Text;

namespace Camels.Engine.Data;

/// <summary>Comma-separated values with quotes as spreadsheets write them: fields may hold commas, line ends and doubled quotes.</summary>
internal static class Csv
{
    public static List<string[]> Read(string text)
    {
        List<string[]> rows = [];
        List<string> fields = [];
        StringBuilder field = new();
        bool isQuoted = false;
        for (int i = 0; i < text.Length; i++)
        {
            char unit = text[i];
            if (isQuoted && unit == '"')
            {
                bool isDoubled = i + 1 < text.Length && text[i + 1] == '"';
                isQuoted = isDoubled;
                i += isDoubled ? 1 : 0;
                field.Append(isDoubled ? "\"" : "");
            }
            else if (isQuoted || unit is not ('"' or ',' or '\n' or '\r'))
            {
                field.Append(unit);
            }
            else if (unit == '"')
            {
                isQuoted = true;
            }
            else if (unit is ',' or '\n')
            {
                EndField();
                if (unit == '\n')
                {
                    EndRow();
                }
            }
        }

        if (field.Length > 0 || fields.Count > 0)
        {
            EndField();
            EndRow();
        }

        return rows;

        void EndField()
        {
            fields.Add(field.ToString());
            field.Clear();
        }

        void EndRow()
        {
            rows.Add([.. fields]);
            fields.Clear();
        }
    }
}
